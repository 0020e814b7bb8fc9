# Who asks, and what they are allowed to see at all.
package holdfast.principal

has_role(role) if role in input.principal.roles

is_one_of(roles) if {
	some role in input.principal.roles
	role in roles
}

covers(_) if "*" in input.principal.sites

covers(site) if site in input.principal.sites

covers_all(sites) if {
	every site in sites {
		covers(site)
	}
}
