package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"crm/commands"
	"crm/repo"
	"crm/repo/embedded/pgtest"
	"crm/security"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const officePassword = "Correct-Horse-Battery-1"

// An office is a shell on a database of its own with a collaborator of each role, and the events in Sentry and the log.
type office struct {
	*Shell
	t            *testing.T
	database     string
	words, data  bytes.Buffer
	log          string
	passwordFile string

	mu        sync.Mutex
	envelopes [][]byte
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openOffice reports to dsn; "here" is a server that stores the events.
func openOffice(t *testing.T, dsn string) *office {
	t.Helper()
	sql, err := os.ReadFile("../schema.sql")
	check(t, err)
	o := &office{t: t, database: pgtest.Database(t, ""), log: filepath.Join(t.TempDir(), "state", "crm.log")}
	admin := repo.NewAdmin(pgtest.URL("postgres"),
		repo.Names{Database: o.database, Schema: "crm", Owner: "crm_owner", App: "crm_app"})
	_, err = admin.Setup(t.Context(), string(sql), "")
	check(t, err)
	cost := security.Params{Memory: 7 << 10, Iterations: 5, Parallelism: 1}
	for _, role := range []string{"admin", "manage", "sales", "support"} {
		verifier, err := commands.Verifier(officePassword, cost, repo.User{})
		check(t, err)
		_, err = admin.AddUser(t.Context(),
			repo.User{FirstName: "Firstname", LastName: "Lastname", Email: role + "@office.example", Role: role},
			verifier, false)
		check(t, err)
	}
	keys, err := security.NewKeyset()
	check(t, err)
	keyring, err := security.NewKeyring(keys)
	check(t, err)
	_, err = admin.RegisterKey(t.Context(), keyring.KeyID())
	check(t, err)
	vault, err := commands.Unseal(keys, "")
	check(t, err)
	u, err := url.Parse(pgtest.URL(o.database))
	check(t, err)
	u.User = url.User("crm_app")
	db, err := repo.Open(repo.Config{URL: u.String(), Schema: "crm", Vault: vault})
	check(t, err)
	t.Cleanup(db.Close)
	if dsn == "here" {
		server := httptest.NewServer(http.HandlerFunc(o.receive))
		t.Cleanup(server.Close)
		dsn = strings.Replace(server.URL, "http://", "http://key@", 1) + "/1"
	}
	reporter, err := NewReporter(dsn, "test", "crm@1", LogFile(o.log))
	check(t, err)
	o.Shell = &Shell{
		Session: &commands.Session{
			DB: db, Settings: &commands.Settings{Format: "json", Color: "never", Limit: 50}, Table: commands.All(),
			Locale: commands.Locale{Zone: time.UTC, Region: "FR", Currency: "EUR", Language: "fr", Now: time.Now},
			Terms:  commands.Terms{TokenLifetime: time.Minute, SessionLifetime: time.Hour, Password: cost},
		},
		Data: &o.data, Words: &o.words, Yes: true, KeepGoing: true, Reporter: reporter,
		Secrets: Secrets{Value: officePassword, TTY: func() (*os.File, error) { return nil, errors.New("none") }},
	}
	o.Attach()
	o.passwordFile = filepath.Join(t.TempDir(), "new")
	check(t, os.WriteFile(o.passwordFile, []byte("Another-Horse-Battery-2\n"), 0o600))
	return o
}

func (o *office) receive(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		o.t.Error(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.envelopes = append(o.envelopes, body)
}

// say runs commands and returns the events of Sentry, as "level message entity/id by user".
func (o *office) say(lines ...string) []string {
	o.t.Helper()
	err := o.Run(o.t.Context(), Script{Text: strings.NewReader(strings.Join(lines, "\n"))})
	_ = err // some are to fail
	o.Reporter.client.Flush(time.Minute)
	o.mu.Lock()
	defer o.mu.Unlock()
	var told []string
	for _, envelope := range o.envelopes {
		parts := bytes.SplitN(envelope, []byte("\n"), 3)
		var event struct {
			Level, Message string
			Tags           map[string]string
			User           map[string]any
			Exception      []struct{ Type, Value string }
		}
		if len(parts) != 3 || json.Unmarshal(parts[2], &event) != nil {
			o.t.Fatalf("not an envelope with an event: %s", envelope)
		}
		text := event.Level + " " + event.Message
		for _, e := range event.Exception {
			text += e.Type + ": " + e.Value + " " + event.Tags["reference"]
		}
		if event.Tags["entity"] != "" {
			text += " " + event.Tags["entity"] + "/" + event.Tags["entity_id"]
		}
		for name, value := range event.User {
			text += fmt.Sprintf(" by %s %v", name, value)
		}
		told = append(told, text)
		o.decent(envelope)
	}
	o.envelopes = nil
	return told
}

var oneTime = regexp.MustCompile(`[A-Za-z2-9]{5}(-[A-Za-z2-9]{5}){3}`) // a one-time password

// decent fails if an event contains a personal or secret value or a name of this machine.
func (o *office) decent(text []byte) {
	o.t.Helper()
	host, err := os.Hostname()
	check(o.t, err)
	here, err := os.Getwd()
	check(o.t, err)
	// of an event, and of a second: any digits
	text = regexp.MustCompile(`[0-9a-f]{32}|\.[0-9]+Z`).ReplaceAll(text, nil)
	for _, secret := range []string{
		host, filepath.Dir(here), o.database, "Horse", "office.example", "Firstname", "Lastname", "Secret", "secret",
		"+33", "61234", "eyJ", "select", "insert", "SELECT", "INSERT",
		"GOROOT", "/usr/", "/home/", "/root/", "linux", "amd64", "arm64", "modules", "runtime\":", "ip_address",
	} {
		if bytes.Contains(text, []byte(secret)) || oneTime.Match(text) {
			o.t.Errorf("Sentry is told %q: %s", secret, text)
		}
	}
}

// TestSentry checks that Sentry gets every change and its user, and nothing else (S12, R31).
func TestSentry(t *testing.T) {
	o := openOffice(t, "here")
	for _, story := range []struct {
		line string
		want []string
	}{
		{"login unknown@office.example", []string{"warning sign-in refused"}},
		{"customer list", nil},
		{"login admin@office.example", []string{"info signed in by id 1"}},
		{"login unknown@office.example", []string{"warning sign-in refused by id 1"}},
		{"logout", []string{"info signed out by id 1"}},
		{"login manage@office.example", []string{"info signed in by id 2"}},
		{"user add secret@office.example Secret Secret sales", []string{"info user added user/5 by id 2"}},
		{"user add secret@office.example Secret Secret sales", nil},
		{"user update 5 --last-name Secretary", []string{"info user updated user/5 by id 2"}},
		{"user delete 5", []string{"warning user deleted user/5 by id 2"}},
		{"user restore 5", []string{"info user restored user/5 by id 2"}},
		{"user delete 99", nil},
		{"user unlock 5", []string{"info user unlocked user/5 by id 2"}},
		{"user unlock 99", nil},
		{"user reset-password 5", []string{"warning user password reset user/5 by id 2"}},
		{"user reset-password 2", nil},
		{"login admin@office.example", []string{"info signed in by id 1"}},
		{"user require-mfa support on", []string{"warning second factor required by id 1"}},
		{"user require-mfa support off", []string{"warning second factor not required by id 1"}},
		{"user clear-mfa 5", nil},
		{"mfa enable", nil},
		{"login sales@office.example", []string{"info signed in by id 3"}},
		{
			`customer add "Secret Ltd" "Secret Person" --email secret@office.example --phone "06 12 34 56 78"`,
			[]string{"info customer added customer/1 by id 3"},
		},
		{"customer update 1 --full-name Secret", []string{"info customer updated customer/1 by id 3"}},
		{"customer delete 1", nil},
		{"login manage@office.example", []string{"info signed in by id 2"}},
		{"contract add 1 --total-amount 1000", []string{"info contract added contract/1 by id 2"}},
		{
			"contract add 1 --total-amount 1000 --status signed",
			[]string{"info contract added contract/2 by id 2", "info contract signed contract/2 by id 2"},
		},
		{"contract add 1 --total-amount 1000", []string{"info contract added contract/3 by id 2"}},
		{"contract add 1", []string{"info contract added contract/4 by id 2"}},
		{"contract sign 1", []string{"info contract signed contract/1 by id 2"}},
		{"contract sign 99", nil},
		{
			"contract update 3 --status signed",
			[]string{"info contract updated contract/3 by id 2", "info contract signed contract/3 by id 2"},
		},
		{"contract update 3 --total-amount 2000", []string{"info contract updated contract/3 by id 2"}},
		{"contract pay 1 1000", []string{"info contract paid contract/1 by id 2"}},
		{"contract pay 1 1000", nil},
		{"contract finish 1", []string{"info contract finished contract/1 by id 2"}},
		{"contract cancel 4", []string{"warning contract canceled contract/4 by id 2"}},
		{"login sales@office.example", []string{"info signed in by id 3"}},
		{
			"event add --contract-id 3 --name Secret --start-date today --end-date today --location Secret " +
				"--comments Secret", []string{"info event added event/1 by id 3"},
		},
		{"login manage@office.example", []string{"info signed in by id 2"}},
		{"event assign 1 4", []string{"info event assigned event/1 by id 2"}},
		{"event update 1 --attendees 3", []string{"info event updated event/1 by id 2"}},
		{"event cancel 1", []string{"warning event canceled event/1 by id 2"}},
		{"event restore 1", []string{"info event restored event/1 by id 2"}},
		{"event delete 1", []string{"warning event deleted event/1 by id 2"}},
		{"event restore 1", []string{"info event restored event/1 by id 2"}},
		{"password --new-password-file '" + o.passwordFile + "'", []string{"info password changed by id 2"}},
		// the current code is invalid by now
		{"password --new-password-file '" + o.passwordFile + "'", []string{"warning sign-in refused by id 2"}},
		{"event list", nil},
	} {
		o.words.Reset()
		if told := o.say(story.line); !slices.Equal(told, story.want) {
			t.Errorf("%s: told %q, want %q\n%s", story.line, told, story.want, o.words.String())
		}
	}
	if _, err := os.Stat(o.log); err == nil {
		t.Error("the log has an entry that is no failure")
	}
}

// TestSentryAtomic checks that changes that were rolled back are not reported.
func TestSentryAtomic(t *testing.T) {
	o := openOffice(t, "here")
	o.say("login manage@office.example", "login sales@office.example")
	o.Atomic, o.KeepGoing = true, false
	for _, story := range []struct {
		last string
		want []string
		// the rolled-back attempt has used up a number
	}{{"customer get 99", nil}, {"customer get 2", []string{"info customer added customer/2 by id 3"}}} {
		if told := o.say(`customer add "Secret Ltd" "Secret Person"`, story.last); !slices.Equal(told, story.want) {
			t.Errorf("%s: told %q, want %q\n%s", story.last, told, story.want, o.words.String())
		}
	}
}

// TestSentryFault checks that user, log and Sentry get the same reference of a fault, and the latter two its kind (R4).
func TestSentryFault(t *testing.T) {
	o := openOffice(t, "here")
	o.say("login sales@office.example")
	super, err := pgx.Connect(t.Context(), pgtest.URL(o.database))
	check(t, err)
	defer super.Close(t.Context())
	_, err = super.Exec(t.Context(), "alter table crm.customer add constraint made_up check (id < 0) not valid")
	check(t, err)
	o.Session.Table = append(o.Session.Table,
		commands.Command{Name: "boom", Needs: security.Public, Run: o.panics(fmt.Errorf("Secret %s", officePassword))},
		commands.Command{Name: "index", Needs: security.Public, Run: o.panics(nil)},
	)
	for line, want := range map[string]string{
		`customer add "Secret Ltd" "Secret Person"`: "error repo.Fault: SQLSTATE 23514 customer made_up",
		"boom":  "error panic: panic: ",
		"index": "error panic: panic: runtime error: index out of range [3] with length 0",
	} {
		o.words.Reset()
		told := o.say(line)
		reference := regexp.MustCompile(`^error: internal error \(reference ([0-9a-f]{8})\)\n`).FindStringSubmatch(
			o.words.String())
		if reference == nil || len(told) != 1 || !strings.HasPrefix(told[0], want) ||
			!strings.HasSuffix(told[0], reference[1]+" by id 3") {
			t.Errorf("%s: told %q, want %q and the reference in %q", line, told, want, o.words.String())
		}
		log, err := os.ReadFile(o.log)
		check(t, err)
		if reference == nil || !bytes.Contains(log, []byte(reference[1])) || bytes.Contains(log, []byte("Secret")) ||
			bytes.Contains(log, []byte("Horse")) {
			t.Errorf("%s: the log holds %s", line, log)
		}
	}
	info, err := os.Stat(o.log)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the log has mode %v, want 0600", info.Mode())
	}
}

// panics is a command that panics with the value or with an index out of range.
func (o *office) panics(value any) func(context.Context, *commands.Session, commands.Input) (commands.Output, error) {
	return func(context.Context, *commands.Session, commands.Input) (commands.Output, error) {
		if value != nil {
			panic(value)
		}
		var none []int
		return commands.Output{Message: fmt.Sprint(none[len(o.database)*0+3])}, nil
	}
}

// TestSentryAway checks that commands work without Sentry, with an unreachable one, and with one that never answers.
func TestSentryAway(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer silent.Close()
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			accepted <- conn // and never a word
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, closed.Close())
	for name, dsn := range map[string]string{
		"none": "", "away": "http://key@" + closed.Addr().String() + "/1",
		"silent": "http://key@" + silent.Addr().String() + "/1",
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t, dsn)
			lines := []string{"login sales@office.example"}
			for range 50 {
				lines = append(lines, "customer add Nova Nova")
			}
			if err := o.Run(t.Context(), Script{Text: strings.NewReader(strings.Join(lines, "\n"))}); err != nil {
				t.Errorf("%v\n%s", err, o.words.String())
			}
			if name == "silent" {
				defer (<-accepted).Close() // it was asked, and the commands did not wait
			}
			o.Reporter.Close(time.Millisecond) // returns
			if words := o.words.String(); strings.Contains(words, "entry") || strings.Contains(words, "127.0.0.1") {
				t.Errorf("the user reads: %s", words)
			}
		})
	}
}

// TestSentryInit reports the first administrator, whom no signed-in user has added (R31).
func TestSentryInit(t *testing.T) {
	o := openOffice(t, "here")
	o.Reporter.Happened(commands.Event{Name: "user added", Level: commands.LevelInfo, Entity: "user", ID: 1})
	if told, want := o.say(), []string{"info user added user/1"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestReporterDSN(t *testing.T) {
	for _, dsn := range []string{"nonsense", "https://host/1", "https://key@host"} {
		if _, err := NewReporter(dsn, "", "", io.Discard); err == nil ||
			err.Error() != "want https://KEY@HOST/PROJECT" {
			t.Errorf("%s: %v", dsn, err)
		}
	}
}
