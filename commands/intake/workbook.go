package intake

// readWorkbook reads the first sheet of an XLSX file.
func (f *File) readWorkbook(string) error {
	return problem("save it as CSV", "is a workbook")
}
