package finding_test

import (
	"testing"

	"crm/security/finding"
)

func TestCompanyKey(t *testing.T) {
	for _, same := range [][]string{
		{"Bouzin SARL", "bouzin", "BOUZIN S.A.R.L.", "Bouzin, SAS"},
		{"Müller & Söhne GmbH", "Muller und Sohne", "MÜLLER ET SÖHNE AG"},
		{"Cool Startup LLC", "Coolstartup", "cool start-up Inc."},
		{"L'Oréal SA", "LOreal"},
		{"Base", "Base HB", "Base Sp. z o.o.", "Base Α.Ε.", "Base A/S", "Base Oyj", "Base e.K.", "Base gGmbH", "Base Lda", "Base S.à r.l."},
		{"東京", "東京有限公司", "株式会社東京"},
		{"Gebrüder Hoffmann GmbH & Co. KG", "Gebrueder Hoffmann GmbH", "GEBRUDER HOFFMANN"},
	} {
		for _, name := range same {
			if key, want := finding.CompanyKey(name), finding.CompanyKey(same[0]); key != want {
				t.Errorf("%s has the key %s, %s has %s", name, key, same[0], want)
			}
		}
	}
	if finding.CompanyKey("SA") == "" || finding.CompanyKey("Bouzin") == finding.CompanyKey("Bouzon") {
		t.Error("keys do not tell names apart")
	}
	if finding.PersonKey("Björn Åberg") != finding.PersonKey("Aaberg, Bjoern") {
		t.Error("transcribed umlauts make another person")
	}
	if finding.PersonKey("Lou Bouzin") != finding.PersonKey("BOUZIN, Lou") {
		t.Error("the order of a person's names matters")
	}
}

func TestIsTypo(t *testing.T) {
	for _, pair := range [][2]string{
		{"bouzin", "bouzon"},
		{"bouzin", "bouzinn"},
		{"bouzin", "ouzin"},
		{"bouzin", "buozin"},
		{"bouzin", "bouzni"},
		{"éclat", "eclat"},
	} {
		if !finding.IsTypo(pair[0], pair[1]) || !finding.IsTypo(pair[1], pair[0]) {
			t.Errorf("%v are no typo", pair)
		}
	}
	for _, pair := range [][2]string{
		{"bouzin", "bouzin"},
		{"bouzin", "bauzon"},
		{"abc", "abd"},
		{"bouzin", "bou"},
		{"", "a"},
		{"bouzin", "nizuob"},
		{"abcdef", "badcfe"},
	} {
		if finding.IsTypo(pair[0], pair[1]) || finding.IsTypo(pair[1], pair[0]) {
			t.Errorf("%v are a typo", pair)
		}
	}
}
