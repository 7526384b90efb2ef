package seed

// A kind of event: its name, its start, its duration and its number of attendees.
type kind struct {
	name              string
	personal, party   bool // named after the person; on a Saturday
	hour              int  // of the earliest start; the latest is two hours later
	shortest, longest int  // in hours
	fewest, most      int  // attendees
}

func kinds() []kind {
	return []kind{
		{"Wedding", true, true, 13, 9, 14, 40, 220},
		{"Silver Wedding", true, true, 16, 6, 10, 20, 90},
		{"Birthday Party", true, true, 18, 5, 8, 15, 120},
		{"General Assembly", false, false, 9, 2, 6, 60, 900},
		{"Product Launch", false, false, 17, 2, 4, 80, 600},
		{"Conference", false, false, 8, 8, 34, 120, 1800},
		{"Gala", false, true, 19, 4, 7, 100, 500},
		{"Festival", false, true, 10, 30, 60, 400, 12000},
		{"Team Seminar", false, false, 8, 7, 31, 8, 60},
		{"Jubilee", false, false, 16, 4, 8, 50, 400},
		{"Charity Dinner", false, true, 18, 4, 6, 60, 300},
		{"Trade Fair", false, false, 8, 9, 57, 300, 5000},
		{"Jazz Evening", false, false, 19, 3, 5, 40, 250},
		{"Hackathon", false, true, 9, 24, 36, 30, 200},
		{"Award Ceremony", false, false, 18, 2, 4, 90, 700},
	}
}

// venues are places in a city, whose name replaces the %.
func venues() []string {
	return []string{
		"Salle des fêtes, %", "Château des Tilleuls, %", "Domaine de la Roseraie, %",
		"Grand Hôtel, salon Élysée, %", "Théâtre de verdure, %", "Musée des Beaux-Arts, %",
		"Jardin botanique, orangerie, %", "Péniche L'Étoile, quai n° 7, %", "12 bis Rue de l'Église, %",
		"Ferme du Vieux-Pré, route de l'Étang, %",
	}
}

// grounds are places for thousands of people.
func grounds() []string {
	return []string{
		"Palais des congrès, %", "Parc des expositions, hall 3, %", "Halle aux grains, %",
		"Plaine des sports, %",
	}
}

func cities() []string {
	return []string{
		"Paris", "Lyon", "Nantes", "Bordeaux", "Lille", "Strasbourg", "Besançon", "Orléans", "Angoulême", "Nîmes",
		"Évreux",
		"Saint-Étienne", "Genève", "Liège", "Köln", "Århus", "Malmö", "London", "Kraków", "Montréal", "京都",
	}
}

// remarks are the first notes of an event.
func remarks() []string {
	return []string{
		"Vegetarian menu for a third of the guests; two allergies to nuts.",
		"Access for delivery from 7 AM, the gate code is asked for at the reception.",
		"Simultaneous interpreting English/French/German, two booths.",
		"The band plays from 8 PM and needs 16 A on stage.",
		"Outdoors: tents are reserved in case of rain.",
		"Wheelchair access to be checked; two parking spaces near the entrance.",
		"Speeches at the beginning, no longer than 20 minutes in all.",
		"Flowers are delivered the evening before (pivoines et dahlias).",
		"Registration desk with badges; the list of guests comes a week before.",
		"Champagne at the arrival, dinner at eight, coffee and mignardises at eleven.",
		"Press is invited: a quiet room for interviews, please.",
		"Call the office only: it is to be a surprise.",
	}
}

// news are later notes by a support collaborator.
func news() []string {
	return []string{
		"The caterer has confirmed.",
		"Sound and light booked until 2 AM.",
		"Hall visited, plan sent.",
		"Deposit for the hall paid.",
		"Number of guests to be confirmed on Friday.",
	}
}

// duties are the roles of contacts at a customer's.
func duties() []string {
	return []string{"accounting", "purchasing", "assistant", "communication", "human resources", "facilities"}
}
