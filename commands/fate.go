package commands

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"crm/security"
)

// This file has the command that tells whether a change was made whose answer was lost.

var requestID = Kind{Name: "REQUEST", Parse: func(_ *Session, text string) (any, error) {
	text = strings.ToLower(text)
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(text) {
		return nil, fmt.Errorf("want the ID that the error printed, like 6e3b1d0a-52c5-4d2e-9a51-0c7f6f0d3b11, not %s",
			show(text))
	}
	return text, nil
}}

func fateCommands() Table {
	return Table{{
		Name: "fate", Short: "Show whether a change was made whose answer was lost", Needs: security.Limited,
		Args:     []Arg{{Name: "request", Kind: requestID, Help: "the ID that the error printed"}},
		Examples: []string{"fate 6e3b1d0a-52c5-4d2e-9a51-0c7f6f0d3b11"},
		Run: func(ctx context.Context, s *Session, in Input) (Output, error) {
			request := Value[string](in, "request")
			made, err := s.DB.Fate(ctx, request)
			out := single([]Field[bool]{
				{Column{Name: "request"}, func(bool) any { return request }},
				{Column{Name: "made"}, func(made bool) any { return made }},
			}, made)
			out.Quiet = true
			out.Message = fmt.Sprintf("%s was made", request)
			if !made {
				out.Message = fmt.Sprintf("you made no change %s, and it will not be made any more", request)
			}
			return out, err
		},
	}}
}
