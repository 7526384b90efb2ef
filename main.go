// Crm is a shell in which an event company runs its business on PostgreSQL. See README.md.
package main

import (
	_ "embed"
	"os"

	"crm/shell/program"
)

//go:embed schema.sql
var schemaSQL string

func main() { os.Exit(program.Main(schemaSQL)) }
