package render

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/pquerna/otp"

	"crm/security"
)

// photo returns the drawing as a camera sees it, eight points a module.
func photo(lines []string) image.Image {
	const scale = 8
	picture := image.NewGray(image.Rect(0, 0, Width(lines[0])*scale, len(lines)*2*scale))
	for row, line := range lines {
		for column, r := range []rune(line) {
			for half, light := range []bool{r == '█' || r == '▀', r == '█' || r == '▄'} {
				for i := range scale * scale {
					if light {
						picture.SetGray(column*scale+i%scale, (row*2+half)*scale+i/scale, color.Gray{Y: 255})
					}
				}
			}
		}
	}
	return picture
}

// asDrawn tells the reader that the picture contains only the code, so it need not search for it.
var asDrawn = map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true}

// TestQR reads the drawing as an authenticator app does: the whole secret and its account. It fits a terminal of 80×24
// with a line for the answer.
func TestQR(t *testing.T) {
	for account, fits := range map[string]bool{
		"sales1@epic.example": true, "antoinette.de-la-tour@epic.example": true, "zoé+mfa@épic.example": true,
		strings.Repeat("x", 200) + "@epic.example": false,
	} {
		secret := security.NewFactor()
		lines, err := QR(security.FactorURL(secret, account))
		if err != nil {
			t.Fatal(err)
		}
		bitmap, err := gozxing.NewBinaryBitmapFromImage(photo(lines))
		if err != nil {
			t.Fatal(err)
		}
		seen, err := qrcode.NewQRCodeReader().Decode(bitmap, asDrawn)
		if err != nil {
			t.Fatalf("%s: no QR code: %v\n%s", account, err, strings.Join(lines, "\n"))
		}
		key, err := otp.NewKeyFromURL(seen.GetText())
		if err != nil || key.AccountName() != account || key.Issuer() != "crm" ||
			key.Secret() != strings.Join(strings.Fields(security.FactorText(secret)), "") ||
			key.Type() != "totp" || key.Period() != 30 || key.Digits() != 6 || key.Algorithm() != otp.AlgorithmSHA1 {
			t.Errorf("%s: an app reads %q (%v)", account, seen.GetText(), err)
		}
		if (len(lines) <= 23 && Width(lines[0]) < 80) != fits {
			t.Errorf("%s: %d lines of %d columns", account, len(lines), Width(lines[0]))
		}
	}
}

// TestBeside puts text beside the code if there is room.
func TestBeside(t *testing.T) {
	picture := []string{"##", "##", "##", "##"}
	if got := strings.Join(Beside(append([]string(nil), picture...), []string{"one", "two"}, 2, 8),
		"/"); got != "##/##/##   one/##   two" {
		t.Error(got)
	}
	for _, width := range []int{7, 2} {
		if got := strings.Join(Beside(append([]string(nil), picture...), []string{"one", "two"}, 2, width),
			"/"); got != "##/##/##/##/one/two" {
			t.Error(got)
		}
	}
}
