# What no rule allows is denied; another tenant's is denied whatever a rule says.
package holdfast.decision

import data.holdfast.order
import data.holdfast.person
import data.holdfast.product
import data.holdfast.stock

rules := ((order.rule | stock.rule) | product.rule) | person.rule

is_own_tenant if input.principal.tenant == input.resource.tenant

reasons := ["it belongs to another tenant"] if not is_own_tenant

# Looked for only when no rule allows it.
denials := (order.denial | stock.denial) | product.denial

reasons := [concat(" ", ["no rule allows", input.action])] if {
	is_own_tenant
	count(rules) == 0
	count(denials) == 0
}

reasons := sort(denials) if {
	is_own_tenant
	count(rules) == 0
	count(denials) > 0
}

reasons := sort(rules) if {
	is_own_tenant
	count(rules) > 0
}

allowed if {
	is_own_tenant
	count(rules) > 0
}

default allowed := false

# METADATA
# entrypoint: true
answer := {"allowed": allowed, "reasons": reasons}
