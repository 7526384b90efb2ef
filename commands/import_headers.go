package commands

import (
	"slices"
	"strings"

	"crm/security/finding"
)

// This file knows by which headers other programs call a column, and by which words its values, in English and French.

// companyHeaders are the headers of a company. In the files of other nouns they refer to a customer.
var companyHeaders = []string{
	"company", "related company", "associated company", "organization", "organisation", "organization name",
	"organization 1 name", "business", "account name", "account",
	"person organization", "client", "customer", "customer name", "client name", "company or organization",
	"societe", "societe liee", "nom de la societe", "entreprise", "entreprise associee", "nom de l entreprise",
	"nom d entreprise", "nom du client", "nom du compte", "compte", "raison sociale", "denomination sociale",
	"denomination", "organisme", "nom de l organisation", "enseigne",
}

// headersOf are other names of a column, as plainHeader writes them, the usual one first. The column's own name is one
// too, and so is customer for customer_id and sales_contact for sales_id.
var headersOf = map[string][]string{
	"company_name": companyHeaders,
	"full_name": {
		"name", "contact", "contact name", "person", "person name", "primary contact", "complete name",
		"display name",
		"contact person", "main contact", "contact full name", "person full name",
		"nom", "nom complet", "nom du contact", "nom et prenom", "prenom et nom", "nom prenom", "prenom nom",
		"nom d affichage", "contact principal", "personne de contact", "personne", "interlocuteur",
	},
	"first_name": {"given name", "first", "forename", "prenom"},
	"last_name":  {"family name", "last", "surname", "nom de famille", "nom"},
	"email": {
		"e mail", "mail", "email address", "e mail address", "e mail 1 value", "courriel",
		"adresse email", "adresse e mail", "adresse de messagerie", "adresse mail", "adresse electronique",
		"work email",
		"contact email", "email du contact", "person email",
		"person email work", "email professionnel", "email pro", "email 1", "e mail 2 address", "e mail 2 value",
		"adresse de messagerie 2", "email 2",
	},
	"phone": {
		"phone number", "business phone", "telephone", "tel", "telephone bureau", "phone 1 value",
		"mobile", "mobile phone", "mobile phone number", "portable", "tel mobile", "telephone mobile",
		"mobile number", "contact phone", "phone no", "telephone number", "tel no",
		"telephone portable", "tel portable", "no de telephone", "no tel", "no de tel", "numero de portable",
		"numero de mobile", "no de portable", "telephone fixe", "tel fixe", "fixe", "telephone professionnel",
		"tel pro",
		"telephone du contact", "numero de telephone", "primary phone", "work phone", "person phone",
		"person phone work",
		"person phone mobile", "cell phone", "cell", "gsm", "phone 1", "tel 1", "company main phone",
		"business phone 2", "phone 2 value", "phone 2", "home phone", "telephone domicile",
	},
	"address": {
		"postal address", "complete address", "address 1 formatted", "adresse", "adresse postale", "adresse complete",
	},
	"language": {"lang", "preferred language", "langue"},
	"sales_id": {
		"sales", "sales person", "salesperson", "sales rep", "sales representative", "contact owner", "account owner",
		"deal owner", "owner", "account manager",
		"commercial", "vendeur", "responsable commercial", "proprietaire", "proprietaire du contact",
		"proprietaire du compte", "charge de compte",
	},
	"customer_id": append(append([]string{"company name"}, companyHeaders...),
		"email", "customer email", "email du client"),
	"contract_id": {
		"contrat", "contract number", "contract no", "contract nr", "numero de contrat", "numero du contrat",
		"no contrat",
		"no de contrat", "no du contrat", "id contrat", "id du contrat",
	},
	"contact_id": {"contact", "contact name", "interlocuteur"},
	"support_id": {"support", "assistance"},
	"total_amount": {
		"total", "amount", "price", "value", "total price", "total value", "grand total", "contract value",
		"deal value", "contract amount", "contract total", "deal amount", "ca", "chiffre d affaires",
		"valeur du contrat",
		"montant contrat",
		"montant", "montant total", "montant ttc", "montant ht", "montant du contrat", "total ttc", "total ht",
		"prix",
		"prix total", "prix ttc", "prix ht", "valeur",
	},
	"amount": {
		"total", "value", "payment", "paid", "amount paid", "paid amount", "payment amount",
		"montant", "paiement", "reglement", "versement", "montant paye", "montant regle", "montant verse",
		"montant du paiement", "montant du reglement",
	},
	"paid_on": {
		"date", "day", "payment date", "date paid", "paid date", "paid at", "date of payment", "received on",
		"date received", "date de paiement", "date du paiement", "date paiement", "date de reglement",
		"date du reglement", "date reglement", "date de versement", "date du versement", "date versement",
		"date d encaissement", "date de reception", "regle le", "paye le", "verse le", "encaisse le", "recu le",
		"jour", "booking date", "value date", "transaction date", "date operation", "date d operation", "date valeur",
		"date de valeur", "date comptable", "received", "paid", "date time", "date and time",
	},
	"status": {"state", "stage", "statut", "etat"},
	"name": {
		"event", "title", "subject", "event name", "nom", "evenement", "titre", "objet",
		"nom de l evenement",
	},
	"start_date": {
		"start", "starts", "begin", "begins", "from", "start time", "starts at", "starts on", "start at",
		"start datetime",
		"start date time", "start date and time", "begins at", "begin date",
		"debut", "date de debut", "date debut", "date et heure de debut", "date heure debut", "date heure de debut",
		"commence le", "debute le", "du",
	},
	"end_date": {
		"end", "ends", "until", "to", "end time", "ends at", "ends on", "end at", "end datetime", "end date time",
		"end date and time", "finish", "finishes at",
		"fin", "date de fin", "date fin", "heure de fin", "heure fin", "date et heure de fin",
		"date heure fin", "date heure de fin", "finit le", "se termine le", "au",
	},
	"location": {"place", "venue", "where", "lieu", "endroit", "emplacement", "salle"},
	"attendees": {
		"guests", "people", "participants", "number of attendees", "number of guests", "number of people",
		"number of participants", "guest count", "headcount", "attendance", "pax",
		"invites", "nombre d invites", "nb invites", "nb d invites", "nombre de participants", "nb participants",
		"nb de participants", "nombre de personnes", "nb personnes", "nb de personnes", "personnes", "convives",
		"nombre de convives", "nb convives", "nb de convives",
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
	"a envoyer": "to_send", "draft": "to_send", "brouillon": "to_send",
	"sent": "pending", "envoye": "pending", "envoyee": "pending", "en attente": "pending",
	"signe": "signed", "signee": "signed",
	"done": "finished", "completed": "finished", "termine": "finished", "terminee": "finished",
	"complete": "finished", "completee": "finished", "acheve": "finished", "achevee": "finished",
	"fini": "finished", "finie": "finished",
	"cancelled": "canceled", "annule": "canceled", "annulee": "canceled",

	"administrator": "admin", "administrateur": "admin", "administratrice": "admin", "manager": "manage",
	"management": "manage", "gestion": "manage", "gestionnaire": "manage", "commercial": "sales",
	"commerciale": "sales", "vente": "sales", "ventes": "sales", "assistance": "support",
}

// details are the columns for which a file of persons has several headers: the first one of headersOf is taken.
var details = []string{"customer_id", "company_name", "full_name", "email", "phone", "address", "language", "role"}

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
	{"start_date", " ", 2, [][]string{
		{"start date", "date", "start day", "day", "date de debut", "date debut", "jour"},
		{"start time", "time", "begin time", "heure de debut", "heure debut", "heure"},
	}},
	{"end_date", " ", 2, [][]string{
		{"end date", "end day", "date de fin", "date fin"}, {"end time", "heure de fin", "heure fin"},
	}},
	{"address", ", ", 1, [][]string{
		{
			"address 1 street", "business street", "street address", "street", "mailing street", "address line 1",
			"rue", "rue bureau", "adresse ligne 1", "address 1", "adresse 1", "mailing address", "address", "adresse",
			"adresse postale", "postal address",
		},
		{
			"address 1 extended address", "business street 2", "street 2", "street2", "address line 2", "rue 2", "rue2",
			"rue bureau 2", "adresse ligne 2", "address 2", "adresse 2", "complement d adresse",
		},
		{
			"address 1 postal code", "business postal code", "postal code", "zip", "zip code", "postcode",
			"mailing zip postal code", "mailing zip", "postal", "plz", "code postal", "code postal bureau", "cp",
		},
		{
			"address 1 city", "business city", "city", "town", "mailing city", "ville", "ville bureau",
			"commune", "localite",
		},
		{
			"address 1 region", "business state", "state", "region", "mailing state province", "mailing state",
			"dep region bureau", "state region", "etat region", "etat", "province", "county",
		},
		{
			"address 1 country", "business country region", "country region", "country", "mailing country", "pays",
			"pays region",
			"pays region bureau",
		},
	}},
	{"address", ", ", 1, [][]string{
		{"billing street", "rue de facturation"},
		{"billing zip postal code", "billing zip", "billing code", "code postal de facturation"},
		{"billing city", "ville de facturation"},
		{"billing state province", "billing state"},
		{"billing country", "pays de facturation"},
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

// plainHeader returns a header in the form of headersOf: its folded words, with N° as no.
func plainHeader(header string) string {
	return strings.Join(finding.Words(strings.ReplaceAll(header, "°", "o ")), " ")
}

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
