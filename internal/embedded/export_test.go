package embedded

// Unpack and Verify are what a fetched bundle goes through.
func Unpack(path, root string) error     { return unpack(path, root) }
func Verify(path, checksum string) error { return verify(path, checksum) }
