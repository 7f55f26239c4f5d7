package accounts

// IsEntity marks Account as an entity of the federated graph; it is the only trace of GraphQL here.
func (Account) IsEntity() {}
