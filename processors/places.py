"""Where stages run, and beside what.

One process at a time can open the embedded index, and its engine holds the interpreter while it
works: beside it, the other steps of a question would wait for every search, and every transaction
for several. Bulk loading of documents must not delay questions.
"""

from streams.flow.stage import Place

DOCUMENTS = Place(process="documents", background=True, area="ingestion")
LEARNING = Place(process="documents", background=True)  # nobody waits for it either
INDEX = Place(process="index", area="retrieval")
QUESTIONS = Place(process="questions", area="retrieval")
GENERATION = Place(process="questions", area="generation")
