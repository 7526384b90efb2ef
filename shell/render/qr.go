package render

import (
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quietZone is the light margin that a QR code has on every side, in modules (ISO/IEC 18004, 6.3.8).
const quietZone = 4

const WhiteOnBlack = "\x1b[38;5;231;48;5;16m" // of the 256 colours, because themes do not change them

// QR returns a text as a QR code of the lowest error correction level. A character holds two modules, one above the
// other. The light modules are drawn, so the code is readable in every colour scheme if it is printed in WhiteOnBlack.
func QR(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return nil, err
	}
	size := code.Bounds().Dx()
	light := func(x, y int) bool {
		x, y = x-quietZone, y-quietZone
		return x < 0 || y < 0 || x >= size || y >= size || code.At(x, y) != color.Black
	}
	var lines []string
	for y := 0; y < size+2*quietZone; y += 2 {
		var b strings.Builder
		for x := range size + 2*quietZone {
			switch above, below := light(x, y), light(x, y+1); {
			case above && below:
				b.WriteString("█")
			case above:
				b.WriteString("▀")
			case below:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		lines = append(lines, b.String())
	}
	return lines, nil
}

// Beside puts lines to the right of a picture, or below it if they do not fit.
func Beside(picture, lines []string, pictureWidth, width int) []string {
	const gap, first = 3, 2 // columns between both; first line, from the top
	widest := 0
	for _, l := range lines {
		widest = max(widest, Width(l))
	}
	if pictureWidth+gap+widest > width || first+len(lines) > len(picture) {
		return append(picture, lines...)
	}
	for i, l := range lines {
		picture[first+i] += strings.Repeat(" ", gap) + l
	}
	return picture
}
