package git

// CheckURL returns a URLError for what Git, its transports and we would not understand
// alike, or what is of no allowed scheme.
func CheckURL(raw string, allowed ...string) error {
	_, err := parseRemote(raw, "", "", allowed)
	return err
}
