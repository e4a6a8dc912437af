import pytest

from processors.questions.evidence import asked, evidence, keys_of, stem
from processors.questions.generate import AnswerConfig
from processors.questions.parts import split
from tests.support.candidates import FEES, answer, candidate
from tests.support.fakes import VERSIONS


def test_the_sentence_that_answers_is_quoted_alone() -> None:
    text = (
        "Cards are blue. The withdrawal limit of a card is 600 euros a day. Lost cards are blocked."
    )
    made = answer("What is the withdrawal limit of a card?", candidate(text, {"600": 0.8}))
    assert made.status == "answered"
    assert made.answer == "The withdrawal limit of a card is 600 euros a day."
    assert [c.quote for c in made.citations] == [made.answer]


def test_everything_else_is_passed_on() -> None:
    made = answer("Who pays?", candidate("The buyer pays the fee.", {"buyer": 0.9}))
    assert (made.request_id, made.tenant, made.tier) == ("r", "acme", "local")
    assert made.model == "extractive"
    assert made.versions == VERSIONS
    assert made.degraded == ["rerank: fused order"]
    assert made.timings_ms == {"admit": 1.5}
    assert made.answered_at == 77
    assert (made.usage.input_tokens, made.usage.output_tokens, made.usage.cost) == (0, 0, 0.0)


def test_a_table_row_reads_as_pairs_and_is_quoted_as_it_stands() -> None:
    made = answer(
        "What is the fee for a performance guarantee?", candidate(FEES, {"Performance": 0.6})
    )
    assert made.answer == "Type: Performance guarantee; Fee: 1.20 percent."
    assert made.citations[0].quote == "| Performance guarantee | 1.20 percent | 48 months |"


def test_a_heading_is_never_the_answer_but_helps_what_is_below() -> None:
    text = "# Late fees\n\nIt is 5 euros.\n\n# Early bonus\n\nIt is 7 euros."
    made = answer("How much is the bonus?", candidate(text, {"#": 0.9, "It is": 0.6}))
    assert made.answer == "It is 7 euros."


def test_list_marks_fences_and_rules_are_not_read_out() -> None:
    text = "3. **Send** form F-1 to the\n   desk.\n\n---"
    made = answer("Where do I send form F-1?", candidate(text, {"form": 0.8}))
    assert made.answer == "Send form F-1 to the desk."
    code = answer("How is retries set?", candidate("```ini\nretries = 3\n```", {"retries": 0.9}))
    assert code.answer == "retries = 3."


def test_a_dash_or_number_inside_a_sentence_is_read_out() -> None:
    text = "Pay the card by 30 June - no extension (see 4.) is given."
    found = answer("When must the card be paid?", candidate(text, {"Pay": 0.9}))
    assert found.answer == text


def test_sentences_come_in_the_order_of_the_document() -> None:
    late = candidate("Then the transfer fee is 3 euros.", {"fee": 0.8}, ordinal=5)
    early = candidate("First the transfer fee is 2 euros.", {"fee": 0.79}, ordinal=1)
    made = answer("How much is the transfer fee?", late, early)
    assert made.answer == "First the transfer fee is 2 euros. Then the transfer fee is 3 euros."


def test_a_sentence_found_twice_is_quoted_once() -> None:
    same = "The transfer fee is 3 euros."
    made = answer(
        "How much is the transfer fee?",
        candidate(same, {"fee": 0.8}, doc_id="a"),
        candidate(same, {"fee": 0.8}, doc_id="b"),
    )
    assert made.answer == same
    assert len(made.citations) == 1


def test_no_more_sentences_than_configured() -> None:
    text = " ".join(f"The transfer fee is {i} euros." for i in range(9))
    for most in (1, 2, 3):
        made = answer(
            "How much is the transfer fee?",
            candidate(text, {"fee": 0.8}),
            config=AnswerConfig(max_sentences=most),
        )
        assert len(made.citations) == most


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("How long does a recall take?", "A recall takes 3 days."),
        ("Which form does a recall take?", "A recall takes F-20."),
        ("What address does a recall go to?", "A recall takes recall@example.com."),
    ],
)
def test_the_sort_of_thing_asked_for_decides_between_equals(question: str, wanted: str) -> None:
    texts = ["A recall takes care.", "A recall takes 3 days.", "A recall takes F-20."]
    texts.append("A recall takes recall@example.com.")
    made = answer(
        question, candidate(" ".join(texts), {"takes": 0.7}), config=AnswerConfig(max_sentences=1)
    )
    assert made.answer == wanted


def test_weak_evidence_abstains_and_says_why() -> None:
    made = answer("May I buy cryptocurrency?", candidate("Cards are blue.", {"blue": 0.4}))
    assert (made.status, made.answer, made.citations) == ("abstained", "", [])
    assert made.reasons[0].startswith("evidence 0.")
    assert made.reasons[1] == "not in the passages: buy, cryptocurrency"


def test_nothing_found_abstains() -> None:
    assert answer("What is it?").reasons == ["no passage was found"]
    assert answer("What is it?", candidate("# Only a heading")).status == "abstained"


def test_an_identifier_that_no_passage_has_abstains() -> None:
    text = "INC-2031 was caused by an expired key."
    known = answer("What caused INC-2031?", candidate(text, {"INC": 0.7}))
    unknown = answer("What caused INC-2032?", candidate(text, {"INC": 0.7}))
    assert known.status == "answered"
    assert unknown.status == "abstained"
    assert unknown.reasons[1] == "not in the passages: INC-2032"


def test_an_identifier_is_answered_although_its_similarity_is_low() -> None:
    row = candidate("| Code | Meaning |\n|---|---|\n| BF-110 | duplicate |", {"BF": 0.29})
    assert answer("What does code BF-110 mean?", row).answer == "Code: BF-110; Meaning: duplicate."


@pytest.mark.parametrize(
    ("asked_as", "written"),
    [
        ("AC-2 (3)", "AC-2(3)"),
        ("ac-2.3", "AC-2(3)"),
        ("AC\u20112(3)", "AC-2(3)"),
        ("AC-2(3)", "AC\u20112(3)"),
        ("FVA-3959", "FVA3959"),
        ("FVA3959", "FVA-3959"),
        ("rule 8.2.1(a)", "8.2.1"),
        ("8.2.1", "8.2.1(a)"),
        ("F2207's form", "AB-F2207"),
        ("Q4", "the fourth quarter"),
        ("Q4", "Q4/2023"),
        ("AC\u00ad-2", "AC-2"),
    ],
)
def test_an_identifier_is_known_in_any_spelling(asked_as: str, written: str) -> None:
    question = asked(f"What is said of {asked_as}?")
    assert question.names
    assert question.missing(keys_of(f"Of {written} this is said."), identifiers=True) == []
    made = answer(
        f"What does {asked_as} cost?", candidate(f"{written} costs 20 euros.", {"costs": 0.45})
    )
    assert made.status == "answered"


def test_an_identifier_of_another_number_is_another() -> None:
    for asked_as, written in (("AC-2(3)", "AC-23"), ("8.21.1", "8.2.11"), ("Q4", "Q3 2023")):
        missing = asked(f"What is {asked_as}?").missing(keys_of(written), identifiers=True)
        assert missing == [asked_as]


def test_a_date_is_no_identifier_and_is_known_as_it_is_written() -> None:
    for date in ("12/05/2024", "2024-05-12", "12.05.2024"):
        question = asked(f"What was the fee on {date}?")
        assert not question.names
        assert question.coverage(keys_of("On 12 May 2024 the fee was 20 euros.")) == 1.0
    made = answer("What is the fee on 12/05/2024?", candidate("The fee is 20 euros.", {"fee": 0.7}))
    assert made.status == "answered"


def test_a_bracket_or_dash_beside_a_number_makes_no_identifier() -> None:
    for said in ("Who won in 2019 (men)?", "the cost—12 euros?", "in 2019\u201320?", "4 (or 5)?"):
        assert not asked(said).names


@pytest.mark.parametrize("query", ["", "???", "the of", "x" * 4000, "a\0b", "(" * 2000, "何ですか"])
def test_any_question_ends(query: str) -> None:
    assert answer(query, candidate(FEES)).status in ("answered", "abstained")


def test_scores_that_do_not_match_the_sentences_do_no_harm() -> None:
    short = candidate("One fee. Two fees. Three fees.", {"fee": 0.9})
    short.sentence_scores[1:] = []
    assert answer("Which fee?", short).answer == "One fee."


def test_terms_are_identifiers_numbers_names_and_words() -> None:
    terms = {
        t.key: t for t in asked("What did Tarn pay under AC-2(3) and 8.2.1 in 24-month 30?").terms
    }
    assert {t.word for t in terms.values() if t.identifier} == {"AC-2(3)", "8.2.1"}
    assert terms["tarn"].weight > terms["pay"].weight
    assert {"pay", "30"} <= terms.keys()


def test_words_meet_in_their_other_forms() -> None:
    for one, other in (("dormancy", "dormant"), ("payment", "pays"), ("sent", "sends")):
        assert stem(one)[:4] == stem(other)[:4]
    assert asked("dormancy").coverage(keys_of("A dormant account")) == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What does a berth cost?", "The fee of a berth is 4 marks."),
        ("yearly fee", "The annual charge is 4 marks."),
        ("max draught", "Its maximum draught is 3 m."),
        ("Who purchased the boat abroad?", "Oda bought the foreign boat."),
    ],
)
def test_words_that_people_take_for_each_other_meet(one: str, other: str) -> None:
    assert asked(one).coverage(keys_of(other)) == 1.0


def test_of_a_rate_or_fee_that_is_named_the_verb_is_not_asked() -> None:
    def words(question: str) -> set[str]:
        return {term.word for term in asked(question).terms}

    assert words("Which rate does a berth pay?") == {"rate", "berth"}
    assert words("Which fee do we charge for towing?") == {"fee", "towing"}
    assert words("What does a berth pay?") == {"berth", "pay"}
    assert words("What bonus do I get for the pay slip?") == {"bonus", "pay", "slip"}


def test_each_part_of_a_question_is_answered() -> None:
    text = "A transfer costs 12 euros. The branch manager approves large transfers."
    given = candidate(text, {"12 euros": 0.8, "approves": 0.8})
    made = answer("What does a transfer cost and who approves large transfers?", given)
    assert "12 euros" in made.answer and "branch manager" in made.answer
    assert made.reasons == []


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is A, what is B, who approves it?", ["What is A", "what is B", "who approves it?"]),
        ("When is A due, how is B paid, and where?", ["When is A due", "how is B paid", "where?"]),
        ("For C, what is A, which form is B?", ["For C, what is A", "which form is B?"]),
        ("May I do A; where is B?", ["May I do A", "where is B?"]),
        ("If A is lost, who is told?", None),
        ("When A is lost, what is done?", None),
        ("What is the fee of A, which is blue?", None),
        ("What did A, who left, say?", None),
        ("What is A in B, where C is?", None),
        ("Who approves A, whatever it costs?", None),
    ],
)
def test_a_comma_before_a_question_begins_a_part(question: str, parts: list[str] | None) -> None:
    assert split(question) == (parts or [question])


def test_the_parts_after_the_fourth_are_named_as_not_looked_up() -> None:
    text = (
        "The fee is 12 euros. The limit is 900 euros. The card is charged on Mondays. "
        "The manager approves the card. The card is refunded in two weeks."
    )
    given = candidate(text, dict.fromkeys(("fee", "limit", "charged", "approves", "refunded"), 0.6))
    made = answer(
        "What is the fee? What is the limit? When is the card charged? Who approves the card? "
        "When is the card refunded?",
        given,
    )
    assert made.answer.startswith("The fee is 12 euros. The limit is 900 euros.")
    assert "Mondays" in made.answer and "manager" in made.answer
    assert made.reasons == [
        "When is the card refunded?: not looked up, ask it by itself (4 parts at most)"
    ]


def test_a_part_that_no_passage_answers_is_named() -> None:
    given = candidate("A transfer costs 12 euros.", {"12 euros": 0.8})
    made = answer("What does a transfer cost? Where is the moon base of Zorblax?", given)
    assert made.status == "answered" and "12 euros" in made.answer
    assert made.reasons and all(r.startswith("Where is the moon base") for r in made.reasons)


def test_a_title_on_the_topic_is_no_evidence() -> None:
    question = asked("When was the Harbour Bridge opened?")
    similar, own = 0.5, keys_of("The bridge was opened in 1932.")
    titled = evidence(question, similar, own, keys_of("Harbour Bridge"), own)
    assert titled < evidence(question, similar, own | keys_of("Harbour"), frozenset(), own)


def test_a_question_asks_for_each_of_its_dates() -> None:
    found = [term.key for term in asked("What happened in 2024-05-12/2024-06-13?").terms]
    assert found == ["2024-05-12", "2024-06-13"]
