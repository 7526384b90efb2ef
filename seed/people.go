package seed

import "strings"

// A country has the names of people and companies, and the telephone numbers for fiction.
type country struct {
	firsts, lasts []string
	brands        []string // % stands for a last name
	forms         []string // of companies
	phones        []numbers
}

// numbers is a range of telephone numbers that the regulator reserves for fiction.
type numbers struct {
	prefix string // in E.164
	digits int    // that follow
}

// countries are the customers' countries. France is twice as frequent as the others.
func countries() []country {
	return []country{france(), france(), unitedKingdom(), unitedStates(), germany(), australia(), sweden()}
}

func france() country {
	return country{
		firsts: []string{
			"Amélie", "Benoît", "Céline", "Chloé", "Clément", "Élodie", "Émile", "Françoise", "Gaël", "Inès",
			"Jérôme",
			"Karim", "Loïc", "Maëlle", "Mathilde", "Noémie", "Océane", "Raphaël", "Renée", "Thaïs", "Théo", "Yasmine",
			"Zoé",
		},
		lasts: []string{
			"Barçon", "Beaupré", "Benali", "Boulanger", "Chevalier", "Dubois", "Faÿ", "Garçon", "Gauthier", "Guérin",
			"L'Hôte",
			"Lefèvre", "Maçon", "Mercier", "Nguyễn", "N'Diaye", "Pélissier", "Prévost", "Rousseau", "Saint-Exupère",
			"Thévenin", "Vasseur",
		},
		brands: []string{
			"% & Fils", "Ateliers %", "Brasserie %", "Cabinet %", "Crèmerie %", "Domaine %", "Éditions %", "Groupe %",
			"Imprimerie %", "Maison %", "Pâtisserie %", "Transports %", "% Frères", "% Voyages",
		},
		forms:  []string{"SARL", "SAS", "SASU", "SA", "SCOP"},
		phones: []numbers{{"+3319900", 4}, {"+3326191", 4}, {"+3346571", 4}},
	}
}

func unitedKingdom() country {
	return country{
		firsts: []string{
			"Aisha", "Callum", "Eilidh", "Freya", "Graham", "Harriet", "Imran", "Niamh", "Oliver", "Priya",
			"Rhys", "Siân",
		},
		lasts: []string{
			"Ashworth", "Bannister", "Cholmondeley", "Fairweather", "Khan", "Llewellyn", "MacLeod", "O'Shea",
			"Patel", "Pemberton", "Thistlewood",
		},
		brands: []string{"% & Co", "% Books", "% Brewery", "% Catering", "The % Gallery", "% Yachts", "% & Daughters"},
		forms:  []string{"Ltd", "LLP", "plc"},
		phones: []numbers{{"+442079460", 3}},
	}
}

func unitedStates() country {
	return country{
		firsts: []string{
			"Ashley", "Brandon", "Carlos", "Destiny", "Ethan", "Grace", "Jamal", "Keiko", "Logan", "Madison",
			"Sofía", "Tyrone",
		},
		lasts: []string{
			"Anderson", "Brooks", "Castillo", "Delgado", "Freeman", "Goldberg", "Hernández", "Kowalski",
			"Nakamura", "Peterson", "Washington",
		},
		brands: []string{"% Analytics", "% Health", "% Labs", "% Motors", "% Studios", "% & Partners", "% Outdoor"},
		forms:  []string{"Inc.", "LLC", "Corp."},
		phones: []numbers{{"+120255501", 2}},
	}
}

func germany() country {
	return country{
		firsts: []string{
			"Anneliese", "Björn", "Dörte", "Elif", "Günter", "Jürgen", "Käthe", "Mehmet", "Rüdiger",
			"Sabine", "Uwe", "Wiebke",
		},
		lasts: []string{
			"Ackermann", "Böttcher", "Großmann", "Hoffmann", "Jäger", "Krüger", "Müller", "Preuß",
			"Schäfer", "Strauß", "Weiß", "Yılmaz",
		},
		brands: []string{
			"Gebrüder %", "% & Söhne", "% Maschinenbau", "% Straßenbau", "Weingut %", "Verlag %",
			"Bäckerei %",
		},
		forms:  []string{"GmbH", "AG", "GmbH & Co. KG", "UG"},
		phones: []numbers{{"+493023125", 3}},
	}
}

func australia() country {
	return country{
		firsts: []string{
			"Bronte", "Darcy", "Hamish", "Jarrah", "Kylie", "Lachlan", "Matilda", "Nikos", "Shane", "Talia",
		},
		lasts: []string{
			"Abbott", "Bradshaw", "Callaghan", "Dimitriou", "Fitzgerald", "Hargrave", "Nguyen",
			"Papadopoulos", "Whitlock",
		},
		brands: []string{"% Roasters", "% Surf", "% Winery", "% Pastoral", "% Adventures"},
		forms:  []string{"Pty Ltd"},
		phones: []numbers{{"+6125550", 4}},
	}
}

func sweden() country {
	return country{
		firsts: []string{"Åsa", "Börje", "Elsa", "Göran", "Ingrid", "Jörgen", "Linnéa", "Märta", "Östen", "Tove"},
		lasts: []string{
			"Ahlström", "Bergqvist", "Dahlgård", "Engström", "Göransson", "Löfgren", "Nyström",
			"Sjöberg", "Åkesson",
		},
		brands: []string{"Bröderna %", "% Möbler", "% Glasbruk", "% Skog", "% Musikförlag"},
		forms:  []string{"AB", "HB"},
		phones: []numbers{{"+468465004", 2}},
	}
}

// A rarity is a customer whose names are difficult to display: other scripts and widths, or very long.
type rarity struct{ company, brand, fullName, email, phone string }

func rarities() []rarity {
	return []rarity{
		{"Ærø Festivaler ApS", "Ærø Festivaler", "Søren Kjærgård", "soeren@aeroe.example", ""},
		{"株式会社花見イベント", "花見イベント", "山田 花子", "hanako@hanami.example", ""},
		{
			"Vereinigte Elbe-Weser-Kultur- und Veranstaltungsgesellschaft mbH", "Vereinigte Elbe-Weser-Kultur",
			"Maximiliane-Theodora von und zu Rabenstein-Lichtenfels-Oberwaldau",
			"maximiliane.von-und-zu-rabenstein-lichtenfels-oberwaldau@elbe-weser-kultur.example",
			"+493023125007",
		},
		{"北京彩云会展有限公司", "彩云会展", "王 小明", "wang@caiyun.example", ""},
		{"Żółw i Łoś Sp. z o.o.", "Żółw i Łoś", "Łucja Dźwigała", "lucja@zolw.example", ""},
		{"주식회사 한강페스티벌", "한강페스티벌", "김 서연", "seoyeon@hangang.example", "+12025550188"},
		{
			"Φεστιβάλ Αιγαίου Α.Ε.", "Φεστιβάλ Αιγαίου", "Ελένη Παπαδάκη",
			"eleni@aegean.example", "",
		},
		{"Ó", "Ó", "Bjørk Ósk Þórðardóttir", "bjoerk@o.example", "+442079460999"},
	}
}

// mailbox returns a name of the lists above as a part of an address: lower case, plain letters and digits, hyphens.
func mailbox(name string) string {
	plain := strings.NewReplacer(
		"à", "a", "â", "a", "ä", "ae", "å", "a", "ç", "c", "é", "e", "è", "e", "ë", "e", "ê", "e", "ễ", "e",
		"í", "i", "î", "i", "ï", "i", "ı", "i",
		"ó", "o", "ô", "o", "ö", "oe", "ß", "ss", "ü", "ue", "ÿ", "y", "á", "a", " & ", "-", " ", "-", "'", "", ".",
		"",
	)
	return plain.Replace(strings.ToLower(name))
}
