package commands

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"crm/repo"
)

// This file has views: commands that are saved in the database under a name, alone or shared, with $1 to $9 for what
// changes from one time to the next.

const viewLimit = 2000 // characters of a view's command

// plainName matches a name of any length: a repetition up to a limit takes 2 MB and a tenth of the time to start.
var plainName = regexp.MustCompile(`^\p{L}[\p{L}\p{M}\p{Nd}_.-]*$`)

// newName is the kind of a name that a collaborator chooses. Its value is a string in lower case.
var newName = Kind{Name: "NAME", Key: "new name", Parse: func(_ *Session, text string) (any, error) {
	text, err := cleanText(text, 50)
	if err == nil && !plainName.MatchString(text) {
		err = errors.New("want one word of letters, digits and _ . - that begins with a letter")
	}
	return strings.ToLower(text), err
}}

// newViewName is the kind of a name for a view.
var newViewName = Kind{Name: "NAME", Key: "new view", Parse: func(s *Session, text string) (any, error) {
	name, err := newName.Parse(s, text)
	if err == nil && slices.Contains(s.Table.Verbs("view"), name.(string)) {
		err = fmt.Errorf("view %s is a command: want another name", name)
	}
	return name, err
}}

// viewName is the kind of the name of a view that the session sees; its value is a string.
var viewName = Kind{
	Name: "NAME", Key: "view",
	Parse: func(_ *Session, text string) (any, error) { return strings.ToLower(text), nil },
	Live: func(ctx context.Context, s *Session) ([]Choice, error) {
		found, err := s.DB.Views(ctx)
		return live(found, err, func(v repo.View) Choice { return Choice{v.Name, v.Command} })
	},
}

// viewArgument is the kind of a value for a placeholder of a view. The first one is completed as the value in its
// place.
var viewArgument = func() Kind {
	k := Text(textLimit)
	k.Name, k.Rest = "ARG", true
	first := k
	k.Of = func(view string) Kind {
		place := func(ctx context.Context, s *Session) (Kind, error) {
			v, err := s.DB.View(ctx, strings.ToLower(view))
			return s.placeFor("$1", v.Command), err
		}
		first.Key = "argument of view " + view
		first.Live = func(ctx context.Context, s *Session) ([]Choice, error) {
			kind, err := place(ctx, s)
			if err != nil {
				return nil, err
			}
			return kind.choices(ctx, s)
		}
		first.Search = func(ctx context.Context, s *Session, text string) ([]Choice, error) {
			kind, err := place(ctx, s)
			if err != nil || kind.Search == nil {
				return nil, err
			}
			return kind.Search(ctx, s, text)
		}
		return first
	}
	return k
}()

// viewFlag is the kind of a flag of the command that a view stands for.
func viewFlag(view string) Kind {
	k := Kind{Name: "FLAG", Key: "flags of view " + view}
	k.Live = func(ctx context.Context, s *Session) ([]Choice, error) {
		v, err := s.DB.View(ctx, strings.ToLower(view))
		if err != nil {
			return nil, nil // what is typed is no view
		}
		c, _, err := s.commandOf(v.Command)
		if err != nil {
			return nil, nil
		}
		var all []Choice
		for _, f := range c.AllFlags() {
			if !slices.Contains(toFile, f.Name) || f.Name == "out" {
				all = append(all, Choice{"--" + f.Name, f.Help})
			}
		}
		return all, nil
	}
	return k
}

// choices returns the fixed values and those in the database.
func (k Kind) choices(ctx context.Context, s *Session) (all []Choice, err error) {
	if k.Values != nil {
		all = k.Values(s)
	}
	if k.Live == nil {
		return all, nil
	}
	found, err := k.Live(ctx, s)
	return append(all, found...), err
}

var viewFields = fieldsOf[repo.View]()

func viewCommands() Table {
	name := Arg{Name: "name", Kind: viewName, Help: "the view"}
	return Table{
		saveCommand(),
		{
			Name: "view", Short: "Run a view, with a value for each of $1, $2 … in its command",
			Needs: action("view", "view"),
			Args: []Arg{name, {
				Name: "arg", Kind: viewArgument, Optional: true,
				Help: "the values of $1, $2 …; flags after them are added to the command",
			}},
			Examples:  []string{"view due", "view due --limit 5"},
			StandsFor: func(ctx context.Context, s *Session, rest []Word) ([]Word, error) { return s.view(ctx, rest) },
		},
		short(viewFields, Command{
			Name: "view list", Short: "List your views, and those that others share with you",
			Needs: action("view", "view"), Examples: []string{"view list"},
			Run: listViews,
		}),
		{
			Name: "view show", Short: "Show the command of a view", Needs: action("view", "view"), Args: []Arg{name},
			Run: showView,
		},
		{
			Name: "view share", Short: "Let others run one of your views, with their own permissions",
			Needs: action("view", "update"),
			Args: []Arg{name, {
				Name: "role", Kind: Enum("ROLE|all", append(repo.Roles(), repo.SharedWithAll)...),
				Help: "the role whose users may run it, or all",
			}},
			Run: shareView(true),
		},
		{
			Name: "view unshare", Short: "Stop sharing one of your views", Needs: action("view", "update"),
			Args: []Arg{name}, Run: shareView(false),
		},
		{
			Name: "view delete", Short: "Delete a view; undo brings it back", Needs: action("view", "delete"),
			Args: []Arg{name}, Destructive: true, Question: askToDeleteView, Run: deleteView,
		},
	}
}

// saveCommand returns `view save NAME COMMAND`.
func saveCommand() Command {
	return Command{
		Name: "view save", Short: "Save a command that only reads under a name", Needs: action("view", "add"),
		Args: []Arg{
			{Name: "name", Kind: newViewName, Help: "a word"},
			{Name: "command", Kind: Line, Help: "the command; $1 to $9 stand for the arguments of view NAME ARG…"},
		},
		Flags: []Flag{{Name: "force", Kind: Switch, Help: "in place of your view of that name; before COMMAND"}},
		Examples: []string{
			"view save due contract list --unpaid --mine",
			`view save --force dear contract list --where "total_amount >= $1"`,
		},
		Run: saveView,
	}
}

func listViews(ctx context.Context, s *Session, _ Input) (Output, error) {
	found, err := s.DB.Views(ctx)
	return list(viewFields, found), err
}

func showView(ctx context.Context, s *Session, in Input) (Output, error) {
	v, err := s.viewOf(ctx, in)
	return single(viewFields, v), err
}

func askToDeleteView(ctx context.Context, s *Session, in Input) (string, error) {
	v, err := s.viewOf(ctx, in)
	return fmt.Sprintf("delete view %s: %s", v.Name, v.Command), err
}

func deleteView(ctx context.Context, s *Session, in Input) (Output, error) {
	v, err := s.viewOf(ctx, in)
	if err != nil {
		return Output{}, err
	}
	deleted, err := s.DB.DeleteView(ctx, v.ID)
	return viewDone(deleted, "deleted", "deleted"), notYours(err, "view "+v.Name, v.Owner)
}

// viewDone returns the Output of a changed view. what is the verb of its event, which never holds the command; message
// is for people.
func viewDone(v repo.View, what, message string) Output {
	out := done(viewFields, v, "view", v.ID, what)
	out.Message = fmt.Sprintf("view %s %s", v.Name, message)
	return out
}

// viewOf returns the view that an input names.
func (s *Session) viewOf(ctx context.Context, in Input) (repo.View, error) {
	return s.viewNamed(ctx, Value[string](in, "name"))
}

func (s *Session) viewNamed(ctx context.Context, name string) (repo.View, error) {
	v, err := s.DB.View(ctx, name)
	if isBare(err, repo.ErrNotFound) {
		known := s.Table.Allowed(s).Verbs("view")
		if views, err := s.DB.Views(ctx); err == nil {
			for _, v := range views {
				known = append(known, v.Name)
			}
		}
		hint := "view list lists them"
		if like := nearest(name, known); like != "" {
			hint += "; did you mean view " + like + "?"
		}
		err = &worded{"there is no view " + show(name), hint, repo.ErrNotFound}
	}
	return v, err
}

// notYours names the owner in the error that refuses to change what another collaborator has saved.
func notYours(err error, what string, owner *string) error {
	if !isBare(err, repo.ErrDenied) {
		return err
	}
	by := "somebody else"
	if owner != nil {
		by = *owner
	}
	return &worded{fmt.Sprintf("not permitted: %s saved the %s", by, what), "", repo.ErrDenied}
}

func saveView(ctx context.Context, s *Session, in Input) (Output, error) {
	name := Value[string](in, "name")
	command, err := s.saveable(Value[string](in, "command"))
	if err != nil {
		return Output{}, err
	}
	was, err := s.DB.View(ctx, name)
	isOwn := err == nil && was.OwnerID != nil && *was.OwnerID == s.Me.ID
	switch {
	case err != nil && !isBare(err, repo.ErrNotFound):
		return Output{}, err
	case !isOwn:
		v, err := s.DB.AddView(ctx, name, command)
		out := viewDone(v, "saved", "saved: "+command)
		if err == nil && was.ID != 0 {
			out.Warnings = []string{fmt.Sprintf("it hides the view %s that %v shares with you", name, deref(was.Owner))}
		}
		return out, err
	case was.Command == command:
	case s.Typed && s.Confirm != nil && !in.Has("force"):
		if err := s.Confirm(ctx, fmt.Sprintf("your view %s is: %s\nreplace it?", name, was.Command)); err != nil {
			return Output{}, err
		}
	case !in.Has("force"):
		return Output{}, &worded{
			fmt.Sprintf("you have a view %s: %s", name, was.Command),
			"view save --force " + name + " … replaces it", repo.ErrConflict,
		}
	}
	v, err := s.DB.UpdateView(ctx, was.ID, repo.Change{"command": command})
	return viewDone(v, "saved", "saved: "+command), err
}

// shareView returns the Run that shares a view, or that ends it.
func shareView(shared bool) func(context.Context, *Session, Input) (Output, error) {
	return func(ctx context.Context, s *Session, in Input) (Output, error) {
		v, err := s.viewOf(ctx, in)
		if err != nil {
			return Output{}, err
		}
		c, what, message := repo.Change{"shared_with": nil}, "unshared", "is yours alone"
		if shared {
			with := Value[string](in, "role")
			c["shared_with"], what, message = with, "shared", "is shared with "+with
		}
		changed, err := s.DB.UpdateView(ctx, v.ID, c)
		return viewDone(changed, what, message), notYours(err, "view "+v.Name, v.Owner)
	}
}
