package rag.authz_test

import data.rag.authz

test_the_policy_decides_every_case_as_it_must if {
	(count(data.cases.ask) + count(data.cases.search)) + count(data.cases.show) > 30
	print(wrong)
	count(wrong) == 0
}

test_without_data_nothing_is_allowed if {
	case := data.cases.ask["a question is allowed"]
	not authz.ask.allow with input as about(case) with data.defaults as {}
	not authz.search.allow with input as about(case) with data.defaults as {}
	not authz.show.allow with input as about(case) with data.defaults as {}
}

wrong contains name if {
	some kind in {"ask", "search", "show"}
	some name, case in data.cases[kind]
	not right(kind, case)
}

right(kind, case) if {
	answer := answered(kind, case)
	answer.allow == object.get(case, "allow", false)
	{each.rule | some each in answer.refused} == {rule | some rule in object.get(case, "rules", [])}
	every field in {"dropped", "shown", "classes", "groups", "guards"} & object.keys(case) {
		{each | some each in answer[field]} == {each | some each in case[field]}
	}
}

answered("ask", case) := answer if {
	answer := authz.ask with input as about(case)
		with data.defaults as data.cases.given.defaults
		with data.tenants as data.cases.given.tenants
}

answered("search", case) := answer if {
	answer := authz.search with input as about(case)
		with data.defaults as data.cases.given.defaults
		with data.tenants as data.cases.given.tenants
}

answered("show", case) := answer if {
	answer := authz.show with input as about(case)
		with data.defaults as data.cases.given.defaults
		with data.tenants as data.cases.given.tenants
}

about(case) := {
	"identity": data.cases.given.people[case.who],
	"question": object.union(data.cases.given.question, object.get(case, "question", {})),
	"variants": object.get(case, "variants", []),
	"hits": object.get(case, "hits", []),
}
