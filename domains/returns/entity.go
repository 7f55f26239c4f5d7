package returns

// IsEntity marks Return as an entity of the federated graph; it is the only trace of GraphQL here.
func (*Return) IsEntity() {}
