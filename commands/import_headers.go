package commands

import (
	"slices"
	"strings"

	"crm/security/finding"
)

// This file knows by which headers other programs call a column, and by which words its values, in English and French.

// headersOf are other names of a column, as plainHeader writes them, the usual one first. The column's own name is one
// too, and so is customer for customer_id and sales_contact for sales_id.
var headersOf = map[string][]string{
	"company_name": {
		"company", "related company", "associated company", "organization", "organisation", "organization name",
		"organization 1 name", "business", "account name", "account",
		"societe", "societe liee", "nom de la societe", "entreprise", "raison sociale",
	},
	"full_name": {
		"name", "contact", "contact name", "person", "person name", "primary contact", "complete name", "display name",
		"nom", "nom complet", "nom du contact", "interlocuteur",
	},
	"first_name": {"given name", "first", "forename", "prenom"},
	"last_name":  {"family name", "last", "surname", "nom de famille", "nom"},
	"email": {
		"e mail", "mail", "email address", "e mail address", "e mail 1 value", "courriel",
		"adresse email", "adresse e mail", "adresse de messagerie", "adresse mail", "work email", "person email",
		"person email work", "email professionnel", "email pro", "email 1", "e mail 2 address", "e mail 2 value",
		"adresse de messagerie 2", "email 2",
	},
	"phone": {
		"phone number", "business phone", "telephone", "tel", "telephone bureau", "phone 1 value",
		"mobile", "mobile phone", "mobile phone number", "portable", "tel mobile", "telephone mobile",
		"numero de telephone", "primary phone", "work phone", "person phone", "person phone work",
		"person phone mobile", "cell phone", "cell", "gsm", "phone 1", "tel 1", "company main phone",
		"business phone 2", "phone 2 value", "phone 2", "home phone", "telephone domicile",
	},
	"address": {
		"postal address", "complete address", "address 1 formatted", "adresse", "adresse postale", "adresse complete",
	},
	"language": {"lang", "preferred language", "langue"},
	"sales_id": {
		"sales", "sales person", "salesperson", "contact owner", "owner", "account manager",
		"commercial", "vendeur", "responsable commercial",
	},
	"customer_id": {
		"client", "customer name", "company", "company name", "account", "societe", "entreprise",
		"email", "customer email",
	},
	"contract_id":  {"contrat", "contract number", "numero de contrat"},
	"contact_id":   {"contact", "contact name", "interlocuteur"},
	"support_id":   {"support", "assistance"},
	"total_amount": {"total", "amount", "price", "value", "montant", "montant total", "prix", "prix total"},
	"amount":       {"total", "value", "payment", "paid", "montant", "paiement", "reglement", "montant paye"},
	"paid_on":      {"date", "day", "payment date", "date de paiement", "date du paiement", "regle le", "paye le"},
	"status":       {"state", "stage", "statut", "etat"},
	"name": {
		"event", "title", "subject", "event name", "nom", "evenement", "titre", "objet",
		"nom de l evenement",
	},
	"start_date": {"start", "begin", "from", "start time", "debut", "date de debut", "date debut", "du"},
	"end_date":   {"end", "until", "to", "end time", "fin", "date de fin", "date fin", "au"},
	"location":   {"place", "venue", "where", "lieu", "endroit", "emplacement", "salle"},
	"attendees": {
		"guests", "people", "participants", "number of attendees", "invites", "nombre d invites",
		"nombre de participants", "convives",
	},
	"comments": {"notes", "note", "comment", "description", "remarques", "commentaires", "commentaire"},
	"role": {
		"job title", "job", "job position", "organization title", "organization 1 title", "fonction", "poste",
		"department", "departement", "service", "title",
	},
	"external_id":     {"external key", "id externe", "identifiant externe"},
	"employee_number": {"employee", "number", "employee id", "matricule", "numero", "numero d employe"},
}

// wordsOf has the fixed words of columns by other names of them, as plainHeader writes them.
var wordsOf = map[string]string{
	"a envoyer": "to_send", "draft": "to_send", "brouillon": "to_send", "sent": "pending", "envoye": "pending",
	"en attente": "pending", "signe": "signed", "signee": "signed", "done": "finished", "completed": "finished",
	"termine": "finished",
	"fini":    "finished", "cancelled": "canceled", "annule": "canceled", "annulee": "canceled",

	"administrator": "admin", "administrateur": "admin", "administratrice": "admin", "manager": "manage",
	"management": "manage", "gestion": "manage", "gestionnaire": "manage", "commercial": "sales",
	"commerciale": "sales", "vente": "sales", "ventes": "sales", "assistance": "support",
}

// details are the columns for which a file of persons has several headers: the first one of headersOf is taken.
var details = []string{"company_name", "full_name", "email", "phone", "address", "language", "role"}

// several are the columns of which people have several values: the first one that is there is taken.
var several = []string{"email", "phone"}

// A composite is a column that a file may hold in parts, which are joined.
type composite struct {
	column string
	join   string
	needed int        // how many of the first parts the file must have
	parts  [][]string // the headers of each part
}

// composed are the composites. Of those of one column the first one with a value in a row is taken.
var composed = []composite{
	{"full_name", " ", 2, [][]string{
		append([]string{"first name"}, headersOf["first_name"]...),
		append([]string{"last name"}, headersOf["last_name"]...),
	}},
	{"address", ", ", 1, [][]string{
		{"address 1 street", "business street", "street address", "street", "rue", "rue bureau"},
		{"address 1 extended address", "business street 2", "street 2", "street2", "rue 2", "rue2", "rue bureau 2"},
		{"address 1 postal code", "business postal code", "postal code", "zip", "code postal", "code postal bureau"},
		{"address 1 city", "business city", "city", "ville", "ville bureau"},
		{"address 1 region", "business state", "state", "region", "dep region bureau"},
		{"address 1 country", "business country region", "country region", "country", "pays", "pays region bureau"},
	}},
	{"address", ", ", 1, [][]string{
		{"home street", "rue domicile"},
		{"home street 2", "rue domicile 2"},
		{"home postal code", "code postal domicile"},
		{"home city", "ville domicile"},
		{"home state", "dep region domicile"},
		{"home country region", "pays region domicile"},
	}},
}

// plainHeader returns a header in the form of headersOf: its folded words.
func plainHeader(header string) string { return strings.Join(finding.Words(header), " ") }

// meant returns the one of the fixed words that a text means, empty if none.
func meant(text string, words []string) string {
	plain := plainHeader(text)
	for _, word := range []string{strings.ReplaceAll(plain, " ", "_"), wordsOf[plain]} {
		if slices.Contains(words, word) {
			return word
		}
	}
	return ""
}

// usual returns the place of a header, as plainHeader writes it, among the other names of a column, and -1 if it is no
// name of it.
func usual(header, column string) int {
	short, isID := strings.CutSuffix(column, "_id")
	if isID && (header == short || header == short+" contact") {
		return 0
	}
	return slices.Index(headersOf[column], header)
}
