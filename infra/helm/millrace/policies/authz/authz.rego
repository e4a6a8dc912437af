# What may be asked, what is searched for it, and which hits may be shown: one rule each, `ask`,
# `search` and `show`.
#
# `input.identity` is who asks, as it was proven; nothing else of the input may give roles or
# classes. What is not allowed here is refused.
package rag.authz

version := "authz-3"

ask := {
	"allow": may_ask,
	"refused": [each | some each in (unwelcome | refused)],
	"version": version,
}

search := {
	"allow": may_search,
	"refused": [each | some each in unwelcome],
	"dropped": [at | some at in dropped],
	"classes": [each | some each in classes],
	"groups": [each | some each in groups],
	"guards": [each | some each in guards],
	"version": version,
}

show := {
	"allow": may_search,
	"refused": [each | some each in unwelcome],
	"shown": [at | some at in shown],
	"version": version,
}

default may_ask := false

may_ask if {
	may_search
	is_string(input.question.tenant)
	is_number(input.question.length)
	is_array(input.question.found)
	count(refused) == 0
}

default may_search := false

may_search if {
	is_string(input.identity.tenant)
	is_number(limits.query_chars)
	is_object(pii)
	is_object(roles)
	count(unwelcome) == 0
}

tenant := object.get(data.tenants, input.identity.tenant, {})

limits := object.union(data.defaults.limits, object.get(tenant, "limits", {}))

pii := object.union(data.defaults.pii, object.get(tenant, "pii", {}))

roles := object.union(data.defaults.roles, object.get(tenant, "roles", {}))

usual := object.get(data.defaults, "answers", {})

own := object.get(tenant, "answers", {})

answered := object.union(object.get(usual, "pii", {}), object.get(own, "pii", {}))

# Who is who: the tenant, and what it may do at all.

unwelcome contains {"rule": "tenant-unknown", "says": "this tenant is not listed"} if {
	is_string(input.identity.tenant)
	not data.defaults.unlisted_tenants == true
	not data.tenants[input.identity.tenant]
}

unwelcome contains {"rule": "tenant-suspended", "says": "this tenant is suspended"} if {
	tenant.suspended
}

refused contains {"rule": "tenant-isolation", "says": "the question is another tenant's"} if {
	input.question.tenant != input.identity.tenant
}

refused contains {
	"rule": "tenant-isolation",
	"says": "the filter 'tenant' names another tenant",
} if {
	input.question.filters.tenant != input.identity.tenant
}

# A question as it came, and what a model or a session made of it.

refused contains {
	"rule": "query-length",
	"says": sprintf("query has %d characters; at most %d", [input.question.length, limits.query_chars]),
} if {
	is_number(input.question.length)
	input.question.length > limits.query_chars
}

refused contains {"rule": concat("-", ["pii", kind]), "says": says} if {
	some kind in refused_kinds(input.question.found)
	says := sprintf("the question holds what looks like %s: ask without it", [object.get(named, kind, kind)])
}

refused contains {"rule": "reply-to", "says": "reply_to is no topic of this tenant"} if {
	input.question.reply_to != ""
	not owned[input.question.reply_to]
}

dropped contains at if {
	some at, variant in input.variants
	variant.length > limits.query_chars
}

dropped contains at if {
	some at, variant in input.variants
	count(refused_kinds(variant.found)) > 0
}

refused_kinds(found) := {kind |
	some kind in found
	object.get(pii, kind, "refuse") != "allow"
}

named := {
	"ssn": "a social security number",
	"card": "a payment card's number",
	"iban": "an account number",
	"email": "an e-mail address",
	"phone": "a phone number",
	"key": "a password or key",
}

# `$tenant` stands for the tenant's own name.
owned contains replace(topic, "$tenant", input.identity.tenant) if {
	some topic in object.get(tenant, "reply_topics", data.defaults.reply_topics)
}

# What an answer may show of a person or a secret, and what a model may be given to read.

guards contains concat("-", ["mask", kind]) if {
	some kind, what in answered
	what != "show"
}

guards contains "drop-instructions" if {
	object.get(own, "instructions", object.get(usual, "instructions", "quote")) != "quote"
}

# What an identity may see. The store is told the same sets that hits are held against.

held contains "everyone"

held contains role if some role in input.identity.roles

classes contains class if {
	some role in held
	some class in object.get(roles, role, {"classes": []}).classes
}

classes contains class if some class in input.identity.classes

groups contains "*"

groups contains role if some role in input.identity.roles

# Whoever is only believed is nobody in particular.
groups contains concat(":", ["user", input.identity.user]) if {
	input.identity.proof == "token"
	input.identity.user != ""
}

shown contains at if {
	some at, hit in input.hits
	hit.tenant == input.identity.tenant
	every class in hit.classes {
		class in classes
	}
	some group in hit.acl
	group in groups
}
