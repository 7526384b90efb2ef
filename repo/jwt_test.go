package repo_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm/repo"
)

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// respelled returns other encodings of the same token's signature or claims: unused bits of the last character,
// padding, and the alphabet of plain base64.
func respelled(token string) map[string]string {
	all := map[string]string{}
	parts := strings.Split(token, ".")
	last := strings.IndexByte(base64url, parts[2][42])
	for bits := range 4 {
		if other := last&^3 | bits; other != last {
			all[fmt.Sprintf("last bits %d of the signature", bits)] = token[:len(token)-1] + base64url[other:other+1]
		}
	}
	all["plain base64"] = strings.NewReplacer("-", "+", "_", "/").Replace(token)
	for i, part := range []string{"header", "claims", "signature"} {
		for name, tail := range map[string]string{
			"padding": "=", "more padding": "====", "a dot": ".", "a newline": "\n", "a tab": "\t",
			"a carriage return": "\r",
		} {
			spelled := append([]string{}, parts...)
			spelled[i] += tail
			all[name+" behind the "+part] = strings.Join(spelled, ".")
		}
	}
	return all
}

// forgeries returns tokens for o's user that can be made with another session and all public data and, signed with the
// right key, malformed tokens.
func forgeries(o, own repo.Opening) map[string]string {
	fresh, hour := claims(o, 0, 10*time.Minute), time.Hour
	body := base64.RawURLEncoding.EncodeToString([]byte(fresh))
	all := respelled(good(o))
	for _, alg := range []string{
		"none", "None", "NONE", "nOnE", "", "HS1", "HS256 ", "hs256", "ES256", "PS256", "EdDSA",
	} {
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `","typ":"JWT"}`))
		all["unsigned "+alg], all["alg "+alg] = header+"."+body+".", jwt(`{"alg":"`+alg+`","typ":"JWT"}`, fresh, o.Key)
	}
	for _, header := range []string{
		`{"alg":"HS256"}`, `{"alg":"HS256","typ":"JWT","kid":"1"}`, `{"alg":"HS256","typ":"JWT","alg":"none"}`,
		`{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":""}}`, ` {"alg":"HS256","typ":"JWT"}`,
		`{"alg":["HS256"],"typ":"JWT"}`, `null`, ``,
	} {
		all["header "+header] = jwt(header, fresh, o.Key)
	}
	long := hmac.New(sha512.New, o.Key)
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS512","typ":"JWT"}`)) + "." + body
	long.Write([]byte(signed))
	all["signed with HS512"] = signed + "." + base64.RawURLEncoding.EncodeToString(long.Sum(nil))
	// Keys that are publicly known.
	for name, key := range map[string]string{
		"nothing": "", "zeros": string(make([]byte, 64)), "the session's id": fmt.Sprint(o.SessionID),
		"the user's id": fmt.Sprint(o.UserID),
		"the address":   "admin@epic.example", "the header": hs256, "the claims": fresh, "secret": "secret",
		"the schema": schemaSQL(), "the role": "crm_app",
	} {
		hash := sha256.Sum256([]byte(key))
		all["signed with "+name], all["signed with the hash of "+name] = jwt(hs256, fresh, []byte(key)),
			jwt(hs256, fresh, hash[:])
	}
	all["another session's key"] = jwt(hs256, fresh, own.Key)
	all["1 MB of claims"] = jwt(hs256, `{"x":"`+strings.Repeat("x", 1<<20)+`",`+fresh[1:], o.Key)
	all["1 MB of signature"] = good(o) + strings.Repeat("A", 1<<20)
	all["1 MB before"] = strings.Repeat("A", 1<<20) + good(o)
	for name, from := range map[string]string{"iat": `"iat":`, "exp": `"exp":`, "sid": `"sid":`, "sub": `"sub":`} {
		for _, value := range []string{
			`-1`, `null`, `true`, `[]`, `{}`, `""`, `"x"`, `1e99`, `1e400`, `1.5`, `9223372036854775808`,
			`-9223372036854775808`, `"1 or 1=1"`, `"\u0000"`, `"' or ''='"`,
		} {
			if from == `"iat":` && value[0] == '-' || from == `"exp":` && value == "1e99" {
				continue // old, and far: bounded by the session's own end
			}
			at := strings.Index(fresh, from)
			rest := fresh[at+len(from):]
			all[name+" "+value] = jwt(hs256, fresh[:at]+from+value+rest[strings.IndexAny(rest, ",}"):], o.Key)
		}
	}
	with := func(more string) string { return jwt(hs256, fresh[:len(fresh)-1]+","+more+"}", o.Key) }
	all["nbf in the future"], all["nbf no number"] = with(fmt.Sprintf(`"nbf":%d`, time.Now().Add(hour).Unix())),
		with(`"nbf":"soon"`)
	all["iat twice"], all["exp twice"] = with(fmt.Sprintf(`"iat":%d`, time.Now().Add(hour).Unix())), with(`"exp":1`)
	all["sub twice"], all["sid twice"] = with(fmt.Sprintf(`"sub":"%d"`, own.UserID)),
		with(fmt.Sprintf(`"sid":%d`, own.SessionID))
	all["trailing JSON"], all["trailing brace"], all["open JSON"] = jwt(hs256, fresh+fresh, o.Key),
		jwt(hs256, fresh+"}", o.Key), jwt(hs256, fresh[:len(fresh)-1], o.Key)
	return all
}

// R5, R27: only a token of the session's key in its canonical form authenticates.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.records()
	victim, own := w.open("admin"), w.open("support1")
	all := forgeries(victim, own)
	// Only a token with - or _ has another encoding in plain base64. Each call of good signs another time, so the same
	// token is checked and re-encoded.
	token := good(victim)
	for !strings.ContainsAny(strings.Split(token, ".")[2], "-_") {
		victim = w.open("admin")
		token = good(victim)
	}
	all["plain base64"] = respelled(token)["plain base64"]
	// Signed with the attacker's own key: claims of another user, twice in either order, or in a case that is not in
	// our JSON.
	mine := claims(own, 0, time.Minute)
	for name, more := range map[string]string{
		"other's sub":         fmt.Sprintf(`"sub":"%d"`, victim.UserID),
		"other's sid":         fmt.Sprintf(`"sid":%d`, victim.SessionID),
		"other's sid and sub": fmt.Sprintf(`"sid":%d,"sub":"%d"`, victim.SessionID, victim.UserID),
		"sub as a number":     fmt.Sprintf(`"sub":%d`, victim.UserID),
	} {
		all["own key, "+name] = jwt(hs256, mine[:len(mine)-1]+","+more+"}", own.Key)
	}
	before := w.checksums()
	for name, token := range all {
		if n, err := w.try(token, "select * from users"); sqlstate(err) != "28000" || n != 0 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		if n, err := w.try(token, "update customer set phone = null"); sqlstate(err) != "" || n != 0 {
			t.Errorf("%s: %d rows changed, %v", name, n, err)
		}
	}
	// Twice, with the attacker's own claims last: the caller is the attacker.
	for _, first := range []string{
		fmt.Sprintf(`"sub":"%d"`, victim.UserID), fmt.Sprintf(`"sid":%d`, victim.SessionID), `"role":"admin"`,
		`"Sub":"1"`,
	} {
		if n, err := w.try(jwt(hs256, "{"+first+","+mine[1:], own.Key),
			"select from me() where id <> $1 or role <> 'support'", own.UserID); n != 0 || sqlstate(err) != "" {
			t.Errorf("%s: %d rows, %v", first, n, err)
		}
	}
	for _, at := range []int{0, 50, len(token)} { // no text of PostgreSQL holds it
		if _, err := w.pool.Exec(context.Background(), "select set_config('crm.token', $1, true)",
			token[:at]+"\x00"+token[at:]); sqlstate(err) != "22021" {
			t.Errorf("a zero byte: %v", err)
		}
	}
	if n, err := w.try(good(victim), "select * from users"); n != int64(len(people)) || err != nil {
		t.Errorf("the true token: %d rows, %v", n, err)
	}
	if after := w.checksums(); after != before {
		t.Errorf("something stayed:\n%s\n%s", before, after)
	}
	t.Logf("%d tokens tried", len(all))
}
