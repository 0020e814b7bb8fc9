package holdfast.product

import data.holdfast.principal
import data.limits

rule contains "managers write the catalogue" if {
	input.action == "product.write"
	principal.is_one_of({"manager", "administrator"})
}

rule contains "administrators change any price" if {
	input.action == "product.price_change"
	principal.has_role("administrator")
}

rule contains "managers set a first price" if {
	input.action == "product.price_change"
	principal.has_role("manager")
	input.resource.fromMinorUnits == 0
}

rule contains "managers change a price within bounds" if {
	input.action == "product.price_change"
	principal.has_role("manager")
	input.resource.toMinorUnits > 0
	change := abs(input.resource.toMinorUnits - input.resource.fromMinorUnits)
	change * 100 <= input.resource.fromMinorUnits * limits.manager_price_change_percent
}

# Says which bound was met, and who can go beyond it.
denial contains concat("", [
	"managers change a price by up to ", format_int(limits.manager_price_change_percent, 10),
	" percent, and not to nothing; an administrator can change it further",
]) if {
	input.action == "product.price_change"
	principal.has_role("manager")
}
