package docs

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// grown are the kinds of work whose growth docs/pictures/growth.svg shows.
var grown = []string{
	"get/customer", "list/customers", "list/contracts/mine", "list/events/from", "inbox/unpaid", "audit/all",
	"search/customers/bou", "search/events/bouzin_b", "complete/customer/bou", "find/bou", "find/nowhere",
}

// docs/performance.md shows a picture of docs/growth.tsv, the measurements of .ci/size. -update draws it again.
func TestGrowth(t *testing.T) {
	data, err := os.ReadFile("docs/growth.tsv")
	if err != nil {
		t.Fatal(err)
	}
	got, err := drawGrowth(string(data))
	if err != nil {
		t.Fatal(err)
	}
	const file = "docs/pictures/growth.svg"
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not of docs/growth.tsv (%v): go test ./docs -run TestGrowth -update", file, err)
	}
}

// drawGrowth draws the medians over the number of customers, both on logarithmic axes.
func drawGrowth(data string) ([]byte, error) {
	points := map[string]plotter.XYs{}
	for _, line := range strings.Split(strings.TrimSpace(data), "\n")[1:] {
		cells := strings.Split(line, "\t")
		size, err := strconv.ParseFloat(cells[1], 64)
		if err != nil {
			return nil, err
		}
		ms, err := strconv.ParseFloat(cells[2], 64)
		if err != nil {
			return nil, err
		}
		points[cells[0]] = append(points[cells[0]], plotter.XY{X: size, Y: ms})
	}
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "customers", "median in ms"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Left, p.Legend.Top = true, true
	p.Legend.TextStyle.Font.Size = font.Points(9)
	p.Add(plotter.NewGrid())
	var lines []any
	for _, name := range grown {
		lines = append(lines, name, points[name])
	}
	if err := plotutil.AddLinePoints(p, lines...); err != nil {
		return nil, err
	}
	p.X.Max *= 1.2
	canvas := vgsvg.New(8*vg.Inch, 6*vg.Inch)
	p.Draw(draw.New(canvas))
	var out bytes.Buffer
	_, err := canvas.WriteTo(&out)
	return out.Bytes(), err
}
