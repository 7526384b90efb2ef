package config

// A Flag is one that is no option.
type Flag struct {
	Name, Short string
	Command     string // the only one that it is for: "init" or "seed", "" being the conversation, "*" any
	Default     any
	Help        string
}

// Flags are those that are no option, in the order of help.
func Flags() []Flag {
	return []Flag{
		{"config", "", "*", "", "the config file (default config.yaml in crm's config directory)"},
		{"version", "", "*", false, "print the version and leave"},
		{"demo", "", "", false, "a private, throw-away PostgreSQL with fictional data"},
		{"command", "c", "", []string(nil), "run this command and leave; may be repeated"},
		{"file", "f", "", "", "run the commands of this file and leave"},
		{"admin-email", "", "init", "", "crm init: the first administrator's email"},
		{"admin-first-name", "", "init", "", "crm init: their first name"},
		{"admin-last-name", "", "init", "", "crm init: their last name"},
		{"customers", "", "seed", 0, "crm seed: how many customers (default 40)"},
		{"contracts", "", "seed", 0, "crm seed: how many contracts (default 3 for 2 customers)"},
		{"events", "", "seed", 0, "crm seed: how many events (default 3 for 4 contracts)"},
		{"purge", "", "seed", false, "crm seed: take all fictional data out again"},
	}
}

// Usage is what stands before the flags in crm --help.
const Usage = `crm: customers, contracts and events at a prompt

  crm [FLAGS]         the prompt, or a script from stdin
  crm init [FLAGS]    create database, schema, roles and the first administrator
  crm seed [FLAGS]    add fictional data, or --purge it

`
