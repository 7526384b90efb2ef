package intake

// readCards reads contacts of a vCard file.
func (f *File) readCards([]byte) error {
	return problem("save it as CSV", "is a vCard")
}
