package commands

import (
	"context"
	"fmt"
	"slices"

	"crm/repo"
)

var userFields = fieldsOf[repo.User]()

// UserID is the kind of a collaborator's ID. "me" is the signed-in user.
var UserID = userKind("USER_ID", "")

// SalesID is the kind of a sales collaborator's ID.
var SalesID = userKind("SALES_ID", "sales")

// SupportID is the kind of a support collaborator's ID.
var SupportID = userKind("SUPPORT_ID", "support")

// Role is the kind of a role's name.
var Role = Enum("ROLE", repo.Roles()...)

func userKind(name, role string) Kind {
	finds := ""
	if role != "" {
		finds = role + " collaborator"
	}
	return Kind{
		Name: name, Noun: "user", Finds: finds,
		Parse: func(s *Session, text string) (any, error) {
			if text == "me" && s.Me != nil {
				return s.Me.ID, nil
			}
			return ID.Parse(s, text)
		},
		Search: searchUsers(role),
		Live: func(ctx context.Context, s *Session) ([]Choice, error) {
			found, err := s.DB.Users(ctx, repo.UserFilter{Page: repo.Page{Limit: 200}, Role: role})
			return live(found.Rows, err, userChoice)
		},
	}
}

// deletedUserID is the kind of the ID of a deleted collaborator.
var deletedUserID = deletedKind(UserID,
	func(ctx context.Context, s *Session, p repo.Page) (repo.List[repo.User], error) {
		return s.DB.Users(ctx, repo.UserFilter{Page: p})
	}, plainly(userChoice))

func userCommands() Table {
	email := Flag{Name: "email", Kind: Required(Email), Help: "the address to sign in with"}
	first := Flag{Name: "first-name", Kind: PersonName(), Help: "the first name"}
	last := Flag{Name: "last-name", Kind: PersonName(), Help: "the last name"}
	role := Flag{Name: "role", Kind: Role, Help: "the department's role"}
	number := Flag{
		Name: "employee-number", Kind: Token("NUMBER"),
		Help: "the number in the company's books (default: given by crm)",
	}
	reassign := Flag{
		Name: "reassign-to", Kind: UserID,
		Help: "the new contact of their customers, open contracts and coming events",
	}
	return Table{
		userList(),
		getUserCommand(),
		{
			Name: "user add", Short: "Add a collaborator; prints a one-time password for them",
			Needs: action("user", "add"),
			Args:  []Arg{asArg(email), asArg(first), asArg(last), asArg(role)},
			Flags: []Flag{number, {
				Name: "password-file", Kind: Path,
				Help: "give them the password in this file, not a one-time password",
			}},
			Secret: "it makes a one-time password, or reads --password-file", Run: addUser,
		},
		updateCommand("user", "Change a collaborator; a new role ends their sessions", UserID,
			[]Flag{email, role, first, last, number}, updateUser, "user update 3 --last-name Bouzin", reassign),
		{
			Name: "user delete", Short: "Delete a collaborator; their sessions end", Needs: action("user", "delete"),
			Args: []Arg{idArg(UserID)}, Flags: []Flag{reassign}, Destructive: true, Question: askToDelete,
			Run: deleteUser,
		},
		{
			Name: "user hand-over", Short: "Give a collaborator's customers, contracts and coming events to another",
			Needs: action("user", "handover"), Args: []Arg{idArg(UserID)},
			Flags:       []Flag{{Name: "to", Kind: UserID, Help: "the new contact", Required: true}},
			Destructive: true, Question: askToHandOver, Examples: []string{"user hand-over 3 --to 4"},
			Run: handOverWork,
		},
		restoreCommand(deletedUserID, userFields, (*repo.DB).RestoreUser),
		historyCommand("user", UserID),
	}
}

// userList returns `user list`.
func userList() Command {
	return Command{
		Name: "user list", Short: "List collaborators", Needs: action("user", "view"),
		Flags: listFlags(userFields, repo.SortKeys[repo.User](),
			Flag{Name: "role", Kind: Role, Help: "only those with this role"},
			searchFlag("number, name, email or role")),
		Examples: []string{"user list", "user list --role support"},
		Run:      listUsers,
	}
}

func listUsers(ctx context.Context, s *Session, in Input) (Output, error) {
	return pages(ctx, s, in, userFields, func(ctx context.Context, p repo.Page) (repo.List[repo.User], error) {
		return s.DB.Users(ctx, repo.UserFilter{Page: p, Role: Value[string](in, "role")})
	})
}

func updateUser(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	return reassigning(ctx, s, in, func(r *repo.Reassignment) (Output, error) {
		change, same := updateOf(userFields, in)
		u, err := s.DB.UpdateUser(ctx, id, change, r)
		return updated(userFields, u, "user", id, *same), err
	})
}

func deleteUser(ctx context.Context, s *Session, in Input) (Output, error) {
	id := Value[int64](in, "id")
	return reassigning(ctx, s, in, func(r *repo.Reassignment) (Output, error) {
		u, err := s.DB.DeleteUser(ctx, id, r)
		out := done(userFields, u, "user", id, "deleted")
		if err == nil {
			out.Warnings, err = s.openFollowUps(ctx, id)
		}
		return out, err
	})
}

// openFollowUps warns of the follow-ups of a collaborator whose work others do now: no inbox has them.
func (s *Session) openFollowUps(ctx context.Context, user int64) (warnings []string, err error) {
	if !s.May(action("note", "view")) {
		return nil, nil
	}
	found, err := s.DB.Notes(ctx, repo.NoteFilter{
		Page: repo.Page{Limit: 1, Count: true}, AuthorID: user, Open: true,
	})
	if n := found.Total; err == nil && n > 0 {
		warnings = append(warnings, fmt.Sprintf(`user %d has %s, which no inbox shows: `+
			`note list --open --where "author_id = %[1]d"`, user, Plural(n, "open follow-up")))
	}
	return warnings, err
}

// getUserCommand returns `user get ID`. A user who may unlock the account also sees until when it is locked out.
func getUserCommand() Command {
	c := getCommand("user", UserID, userFields, (*repo.DB).User, "user get me")
	get := c.Run
	c.Run = func(ctx context.Context, s *Session, in Input) (Output, error) {
		out, err := get(ctx, s, in)
		if err != nil || !s.May(action("user", "unlock")) {
			return out, err
		}
		until, err := s.DB.Lockout(ctx, Value[int64](in, "id"))
		out.Columns = append(out.Columns, Column{Name: "locked_until", Absent: true})
		out.Rows[0] = append(out.Rows[0], deref(until))
		return out, err
	}
	return c
}

var handedFields = []Field[repo.Handed]{
	{Column{Name: "customers"}, func(h repo.Handed) any { return h.Customers }},
	{Column{Name: "contracts"}, func(h repo.Handed) any { return h.Contracts }},
	{Column{Name: "events"}, func(h repo.Handed) any { return h.Events }},
}

func handOverWork(ctx context.Context, s *Session, in Input) (Output, error) {
	from, to := Value[int64](in, "id"), Value[int64](in, "to")
	warnings, err := overlapsOf(ctx, s, from, to)
	if err != nil {
		return Output{}, err
	}
	moved, err := s.DB.HandOver(ctx, from, to)
	out := done(handedFields, moved, "user", from, "handed over")
	out.Message = fmt.Sprintf("user %d: %s handed over to user %d", from, inWords(moved), to)
	if err == nil {
		var left []string
		left, err = s.openFollowUps(ctx, from)
		warnings = append(warnings, left...)
	}
	out.Warnings = warnings
	return out, named(err, "user", from)
}

// addUser does not read CRM_PASSWORD or the global --password-file, because they hold the password of the signed-in
// user.
func addUser(ctx context.Context, s *Session, in Input) (Output, error) {
	if in.Has("password-file") {
		return addUserWithPassword(ctx, s, in)
	}
	once, password, err := oneTimePassword(s.Terms.Password)
	if err != nil {
		return Output{}, err
	}
	u, err := s.DB.AddUser(ctx, changeOf(userFields, in), password)
	if err != nil {
		return Output{}, err
	}
	out := single(append(slices.Clone(userFields), oneTime(func(repo.User) string { return once })), u)
	out.Message = fmt.Sprintf("user %d added\n%s", u.ID, handOver)
	out.Events = []Event{happened("user", u.ID, "added")}
	return out, nil
}

// handOver is the message about a one-time password.
const handOver = "the one-time password is not shown again; it works for 24 hours"

// oneTime returns the field of a one-time password.
func oneTime[T any](password func(T) string) Field[T] {
	return Field[T]{Column{Name: "one_time_password"}, func(row T) any { return password(row) }}
}

func addUserWithPassword(ctx context.Context, s *Session, in Input) (Output, error) {
	text, err := s.Secret(ctx, SecretRequest{Question: "password", File: Value[string](in, "password-file")})
	if err != nil {
		return Output{}, err
	}
	user := repo.User{
		FirstName: Value[string](in, "first-name"), LastName: Value[string](in, "last-name"),
		Email: Value[string](in, "email"),
	}
	password, err := Verifier(text, s.Terms.Password, user)
	if err != nil {
		return Output{}, err
	}
	u, err := s.DB.AddUser(ctx, changeOf(userFields, in), password)
	return done(userFields, u, "user", u.ID, "added"), err
}
