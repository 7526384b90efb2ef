//go:build linux

package shell

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"crm/seed"
)

// accountPromises: one-time passwords and second factors at the prompt.
var accountPromises = map[string]func(*testing.T){
	"lines without an editor":                     accountPlainly,
	"a one-time password is replaced at once":     accountOneTime,
	"without a new password nothing else works":   accountUnwilling,
	"a second factor is enrolled, used, replaced": accountFactor,
	"a second factor that the role must have":     accountRequired,
}

// asked answers questions, each when it is shown.
func (d *desk) asked(command string, dialogue ...string) (since int) {
	d.t.Helper()
	since = len(d.output())
	d.send(command + "\r")
	at := since
	for i := 0; i < len(dialogue); i += 2 {
		d.said(at, dialogue[i])
		at += strings.Index(d.output()[at:], dialogue[i]) + len(dialogue[i])
		d.until("raw mode", func() bool { return !d.isCooked() })
		d.send(dialogue[i+1] + "\r")
	}
	return since
}

// ends waits for the answer and for the next prompt.
func (d *desk) ends(since int, want string) string {
	d.t.Helper()
	d.said(since, want)
	d.idle()
	return plainly(d.output()[since:])
}

// keptNowhere fails if a file of the user contains one of the secrets.
func (d *desk) keptNowhere(secrets ...string) {
	d.t.Helper()
	for path, content := range d.storedFiles() {
		for _, secret := range secrets {
			if strings.Contains(content, secret) {
				d.t.Errorf("%s holds %s", path, secret)
			}
		}
	}
}

func (d *desk) hires() (password string) {
	d.t.Helper()
	answer := plainly(d.run("user add ada@epic.example Ada Lovelace sales", "user 7 added", "not shown again"))
	return regexp.MustCompile(`[A-Za-z2-9]{5}(-[A-Za-z2-9]{5}){3}`).FindString(answer)
}

func accountOneTime(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	once := d.hires()
	ada := sit(t, deskConfig{beside: d})
	ada.prompt = "ada crm>"
	since := ada.asked("login ada@epic.example", "password: ", once,
		"choose a new one\r\nnew password: ", "Password123!",
		"must not be one of the most common passwords\r\nnew password: ", "Lovelace-1815!",
		"must not contain your name or email\r\nnew password: ", "Entirely-New-2027?", "again: ", "Entirely-New-2028?",
		"the two are not the same\r\nnew password: ", once, "again: ", once,
		"must not be the one that you have\r\nnew password: ", "Entirely-New-2027?", "again: ", "Entirely-New-2027?")
	seen := ada.ends(since, "nothing waits for you")
	inOrder(t, seen, "signed in as Ada Lovelace (sales)", "password changed", "nothing waits")
	ada.run("customer list --limit 1", "COMPANY")
	ada.send("\x1b[A\x1b[A\x1b[A")
	ada.clean()
	ada.send("exit\r")
	ada.endCooked(0)
	if strings.Contains(seen, once) || strings.Contains(seen, "Entirely") {
		t.Errorf("a password was shown: %s", seen)
	}
	ada.keptNowhere(once, "Entirely-New", "Lovelace-1815")
	d.keptNowhere(once)
}

func accountUnwilling(t *testing.T) {
	d := sit(t, deskConfig{login: "manage"})
	once := d.hires()
	ada := sit(t, deskConfig{beside: d, rows: 60}) // help without a pager
	ada.prompt = "ada crm>"
	since := ada.asked("login ada@epic.example", "password: ", once, "new password: ", "\x03")
	ada.ends(since, "hint: with password")
	ada.run("customer list", "error: your password is a one-time password")
	if out := plainly(ada.run("help", "Session")); strings.Contains(out, "Records") {
		t.Errorf("help offers %s", out)
	}
	ada.send("\x1b[A")
	ada.clean()
	since = ada.asked("password", "current password: ", once, "new password: ", "Entirely-New-2027?", "again: ",
		"Entirely-New-2027?")
	ada.ends(since, "password changed")
	ada.run("customer list --limit 1", "COMPANY")
}

var base32Secret = regexp.MustCompile(`(?:[A-Z2-7]{4} ){3}[A-Z2-7]{4}`)

// shown returns the secret on the screen.
func (d *desk) shown(since int) string {
	d.t.Helper()
	d.said(since, "code that it shows: ")
	halves := base32Secret.FindAllString(plainly(d.output()[since:]), -1)
	if len(halves) != 2 {
		d.t.Fatalf("no secret in\n%s", d.screen())
	}
	if first := strings.Split(d.screen(), "\n")[0]; !strings.HasPrefix(first, strings.Repeat("█", 45)) {
		d.t.Errorf("the QR code does not fit the screen:\n%s", d.screen())
	}
	return strings.ReplaceAll(halves[0]+halves[1], " ", "")
}

// totp returns the code of a secret, so many steps from now.
func (d *desk) totp(secret string, steps int) string {
	d.t.Helper()
	code, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		d.t.Fatal(err)
	}
	return code
}

func accountFactor(t *testing.T) {
	d := sit(t, deskConfig{})
	d.prompt = "sales1 crm>"
	d.ends(d.asked("login sales1@epic.example", "password: ", seed.DemoPassword), "signed in")
	d.ends(d.asked("mfa enable", "password: ", "Wrong-Secret-77!"), "error: the current password is wrong")
	since := d.asked("mfa enable", "password: ", seed.DemoPassword)
	secret := d.shown(since)
	used := d.totp(secret, 0) // once: half a minute later it is another one
	d.asked("12345", "invalid code", used)
	answer := d.ends(since, "they are not shown again")
	recovery := regexp.MustCompile(`[a-z2-7]{4}(-[a-z2-7]{4}){3}`).FindAllString(answer, -1)
	if len(recovery) != 10 {
		t.Fatalf("%d codes for recovery:\n%s", len(recovery), answer)
	}
	login := func(code, want string) {
		t.Helper()
		d.ends(d.asked("login sales1@epic.example", "password: ", seed.DemoPassword, "code of your second factor: ",
			code), want)
	}
	login(used, "error: the code is wrong or used")
	login(d.totp(secret, 1), "signed in")
	login(strings.ToUpper(recovery[0]), "signed in")
	login(recovery[0], "error: the code is wrong or used")
	// another device in its place, with a code of the present one only
	d.sql("update second_factor set last_step = 0")
	since = d.asked("mfa enable", "password: ", seed.DemoPassword)
	other := d.shown(since)
	d.ends(d.asked(d.totp(other, 0), "code of the device that you have: ", d.totp(other, 0)),
		"error: the code is wrong or used")
	since = d.asked("mfa enable", "password: ", seed.DemoPassword)
	second := d.shown(since)
	d.asked(d.totp(second, 0), "code of the device that you have: ", d.totp(secret, 0))
	d.ends(since, "they are not shown again")
	login(d.totp(secret, 1), "error: the code is wrong or used")
	login(d.totp(second, 1), "signed in")
	d.send("\x1b[A\x1b[A")
	d.clean()
	d.send("exit\r")
	d.endCooked(0)
	d.keptNowhere(secret, secret[:4]+" "+secret[4:8], second, recovery[0], recovery[1], seed.DemoPassword)
}

func accountRequired(t *testing.T) {
	d := sit(t, deskConfig{login: "sales1"})
	d.sql("update role set mfa_required = true where name = 'sales'")
	d.run("customer list", "error: the role sales must have a second factor")
	d.run("mfa status", "REQUIRED")
	since := d.asked("mfa enable") // CRM_PASSWORD is set
	secret := d.shown(since)
	d.send(d.totp(secret, 0) + "\r")
	d.ends(since, "they are not shown again")
	d.run("customer list --limit 1", "COMPANY")
}

// accountPlainly signs in where lines are read without an editor: at a terminal that cannot move its cursor, and at one
// that does not control the process, as "su -c" leaves it. A password is neither shown nor taken for a command.
func accountPlainly(t *testing.T) {
	for name, c := range map[string]consoleConfig{
		"dumb":   {args: []string{crmBinary}, env: []string{"TERM=dumb"}},
		"adrift": {args: []string{"setsid", "-w", crmBinary}},
	} {
		t.Run(name, func(t *testing.T) {
			d, home := sit(t, deskConfig{}), t.TempDir()
			c.env = append(
				c.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_STATE_HOME="+home,
				"CRM_DATABASE_URL="+d.app(d.database), "CRM_KEYSET="+d.keyset, "CRM_LOCALE_LANGUAGE=en",
				"CRM_PASSWORD_MEMORY_MIB=19", "CRM_PASSWORD_ITERATIONS=2",
			)
			s := openConsole(t, "", c)
			s.wait("crm>")
			s.send("login sales1@epic.example\r")
			s.wait("password:")
			s.send(seed.DemoPassword + "\r")
			s.wait("signed in as Bill Boquet")
			s.send("customer get 1 --format json\r")
			s.wait("Kevin Casey")
			s.send("exit\r")
			<-s.done
			if out := s.output(); strings.Contains(out, seed.DemoPassword) || strings.Contains(out, "error") {
				t.Errorf("it shows %q", out)
			}
		})
	}
}
