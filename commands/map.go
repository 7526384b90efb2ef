package commands

import (
	"context"
	"fmt"
	"strings"

	"crm/repo"
)

// This file has saved maps: the columns of a file's headers, as in --map, under a name.

// headerPairs is a parsed --map: pairs, or the name of a saved map.
type headerPairs struct {
	text, name string
	columns    map[string]string // by header
}

const pairsLimit = 10_000 // bytes of a saved map

var mapFields = fieldsOf[repo.Map]()

// mapName is the kind of the name of a saved map; its value is a string.
var mapName = Kind{
	Name: "NAME", Key: "map", Live: mapChoices,
	Parse: func(_ *Session, text string) (any, error) { return strings.ToLower(text), nil },
}

func mapChoices(ctx context.Context, s *Session) ([]Choice, error) {
	found, err := s.DB.Maps(ctx)
	return live(found, err, func(m repo.Map) Choice { return Choice{m.Name, m.Noun + ": " + m.Pairs} })
}

func mapCommands() Table {
	return Table{
		short(mapFields, Command{
			Name: "map list", Short: "List the maps of headers that imports have saved", Needs: action("map", "view"),
			Examples: []string{"map list"},
			Run: func(ctx context.Context, s *Session, _ Input) (Output, error) {
				found, err := s.DB.Maps(ctx)
				return list(mapFields, found), err
			},
		}),
		{
			Name: "map delete", Short: "Delete a saved map; undo brings it back", Needs: action("map", "delete"),
			Args:        []Arg{{Name: "name", Kind: mapName, Help: "the map"}},
			Destructive: true,
			Question: func(ctx context.Context, s *Session, in Input) (string, error) {
				m, err := s.mapNamed(ctx, Value[string](in, "name"))
				return fmt.Sprintf("delete map %s: %s", m.Name, m.Pairs), err
			},
			Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
				m, err := s.mapNamed(ctx, Value[string](in, "name"))
				if err != nil {
					return Output{}, err
				}
				deleted, err := s.DB.DeleteMap(ctx, m.ID)
				out := done(mapFields, deleted, "map", m.ID, "deleted")
				out.Message = fmt.Sprintf("map %s deleted", m.Name)
				return out, notYours(err, "map "+m.Name, m.Owner)
			},
		},
	}
}

func (s *Session) mapNamed(ctx context.Context, name string) (repo.Map, error) {
	m, err := s.DB.Map(ctx, name)
	if isBare(err, repo.ErrNotFound) {
		err = &worded{"there is no map " + show(name), "map list lists them", repo.ErrNotFound}
	}
	return m, err
}

// mapping returns the map of an import's --map, and the function that saves it under the name of --save-map.
func (s *Session) mapping(ctx context.Context, noun string, in Input) (own headerPairs,
	save func(context.Context, *Output), err error,
) {
	own, name := Value[headerPairs](in, "map"), Value[string](in, "save-map")
	if own.name != "" {
		m, err := s.mapNamed(ctx, own.name)
		if err != nil {
			return own, nil, err
		}
		if m.Noun != noun {
			return own, nil, usagef("the map %s is for %s import", m.Name, m.Noun)
		}
		parsed, err := headerMap.Parse(s, m.Pairs)
		if err != nil {
			return own, nil, err
		}
		own.columns = parsed.(headerPairs).columns
	}
	if name == "" {
		return own, func(context.Context, *Output) {}, nil
	}
	switch {
	case own.text == "":
		return own, nil, usagef(`--save-map saves what --map "HEADER=COLUMN,…" says, which is missing`)
	case len(own.text) > pairsLimit:
		return own, nil, usagef("--map is too long to be saved: at most %d bytes are possible", pairsLimit)
	}
	switch m, err := s.DB.Map(ctx, name); {
	case err == nil && m.Noun == noun && m.Pairs == own.text:
		return own, func(context.Context, *Output) {}, nil
	case err == nil:
		return own, nil, &worded{
			fmt.Sprintf("there is a map %s for %s import: %s", name, m.Noun, m.Pairs),
			"choose another name, or map delete " + name + " first", repo.ErrConflict,
		}
	case !isBare(err, repo.ErrNotFound):
		return own, nil, err
	}
	return own, func(ctx context.Context, out *Output) {
		if _, err := s.DB.AddMap(ctx, name, noun, own.text); err != nil {
			out.Warnings = append(out.Warnings, fmt.Sprintf("the map was not saved: %v", err))
			return
		}
		out.addMessage("map " + name + " saved")
	}, nil
}
