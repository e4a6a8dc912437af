"""Every typed event. Generated from schemas/avro by `python -m schemas.codegen`: do not edit."""

from schemas.dead_letters import (
    DeadLettered,
    RecordHeader,
)
from schemas.document_events import (
    ChangeOp,
    Chunk,
    DocumentChanged,
    DocumentChunked,
    DocumentEmbedded,
    DocumentFed,
    DocumentIndexed,
    DocumentVersion,
    EmbeddedChunk,
)
from schemas.question_events import (
    ChunksRetrieved,
    FeedbackGiven,
    GenerationRequested,
    QuestionAdmitted,
    QuestionAsked,
    QuestionClosed,
    QuestionRewritten,
)
from schemas.question_records import (
    AnswerStatus,
    Candidate,
    Carried,
    Citation,
    ModelUsage,
    Question,
    QuestionAnswered,
    Usage,
    Versions,
)

__all__ = [
    "AnswerStatus",
    "Candidate",
    "Carried",
    "ChangeOp",
    "Chunk",
    "ChunksRetrieved",
    "Citation",
    "DeadLettered",
    "DocumentChanged",
    "DocumentChunked",
    "DocumentEmbedded",
    "DocumentFed",
    "DocumentIndexed",
    "DocumentVersion",
    "EmbeddedChunk",
    "FeedbackGiven",
    "GenerationRequested",
    "ModelUsage",
    "Question",
    "QuestionAdmitted",
    "QuestionAnswered",
    "QuestionAsked",
    "QuestionClosed",
    "QuestionRewritten",
    "RecordHeader",
    "Usage",
    "Versions",
]
