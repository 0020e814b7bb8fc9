package holdfast.person

import data.holdfast.principal

rule contains "people read what is theirs" if {
	input.action == "person.read"
	input.principal.subject == input.resource.person
}

rule contains "managers read the people of their tenant" if {
	input.action == "person.read"
	principal.is_one_of({"manager", "administrator"})
}

rule contains "administrators read the audit" if {
	input.action == "audit.read"
	principal.has_role("administrator")
}
