"""Words by which the names of columns give away their roles."""

from __future__ import annotations

PEOPLE = ("user", "member", "person", "customer", "employee", "visitor", "participant", "subject", "student", "patient", "client")
GROUPS = (
    *("workspace", "team", "org", "organization", "organisation", "account", "company", "tenant", "group", "department"),
    *("cluster", "site", "school", "class", "clinic", "hospital", "store", "village", "office", "project"),
)
IDENTIFIERS = {"id", "uid", "uuid", "guid", "key", "identifier"}
BEFORE = {"before", "pre", "baseline", "prior", "previous", "preperiod"}
CALENDAR = {"week", "day", "date", "month", "quarter", "year", "wave", "cohort", "timestamp", "signup", "created", "start", "end"}
PERIODS = {"week", "day", "month", "quarter", "year", "period", "sprint"}
BEGIN = {"start", "started", "starts", "begin", "begins", "launch", "launched", "rollout", "rolled", "first", "since", "from"}
"""Words of the column that says from which period a cluster had the feature."""
ARMS = (
    *("treated", "treatment", "is_treated", "in_treatment", "treat", "treatment_group", "treatment_arm", "arm", "variant"),
    *("assignment", "assigned", "experiment_group", "test_group", "condition", "bucket"),
)
ARM_WORDS = {"treated", "treatment", "treat", "arm", "variant", "assigned", "assignment"}
NOT_ARMS = {"post", "prompt", "time", "probability", "score"} | CALENDAR | BEFORE
NOT_OUTCOMES = ARM_WORDS | CALENDAR | BEFORE | IDENTIFIERS | {"opt", "optin", "routed", "eligible", "weight", "propensity"}
CHOICE = {"opt", "opted", "optin", "opts", "adopter", "adopters", "enrolled", "enabled", "activated", "chose", "chosen", "joined"}
"""Words of a column that says who chose the feature."""
TRAITS = {
    *(
        "tier",
        "plan",
        "segment",
        "engagement",
        "confidence",
        "country",
        "region",
        "language",
        "platform",
        "device",
        "tenure",
        "age",
    ),
    *("role", "industry", "size", "seats", "seniority", "gender", "education", "experience", "level", "type", "category"),
}
"""Words of a trait: what a user is before the choice."""
USE = {"used", "uses", "uptake", "adopted"}
OUTCOMES = {
    **dict.fromkeys(("obs", "observed", "outcome"), 3),
    **dict.fromkeys(("session", "sessions", "minutes", "hours", "duration", "time", "revenue", "spend", "sales", "orders"), 1),
    **dict.fromkeys(("completed", "completion", "retained", "retention", "active", "converted", "conversion", "count"), 1),
    **dict.fromkeys(("clicks", "views", "messages", "logins", "tasks", "purchases", "thumbs", "rating", "nps", "total"), 1),
}
LOSSES = {
    *("cost", "costs", "latency", "error", "errors", "churn", "churned", "bounce", "bounced", "complaints", "refunds", "tickets"),
    *("failures", "failed", "crashes", "unsubscribed"),
}
TREATED_VALUES = {"treatment", "treated", "treat", "test", "on", "b", "yes", "experiment", "true", "1"}
CONTROL_VALUES = {"control", "off", "a", "no", "holdout", "placebo", "untreated", "false", "0"}
