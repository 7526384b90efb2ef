package repo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/Masterminds/squirrel"
	"github.com/jackc/pgx/v5"
)

// This file signs in: the client's side of the exchange that part 5 of schema.sql describes. No statement holds a
// password's key, a code, a second factor's secret or a session's key.

// A Secret proves that a caller holds something without sending it. security.Secret is one.
type Secret interface {
	Hash() []byte                               // SHA-256 of the secret
	Prove(message []byte) []byte                // secret xor HMAC-SHA256(Hash, message), 32 bytes
	Derive(label string, message []byte) []byte // HMAC-SHA256(secret, label || message), 32 bytes
}

// A Claim is who somebody says they are, and what proves it.
type Claim struct {
	Email  string
	Key    func(Derivation) (Secret, error) // returns the password's key at that cost and salt
	Code   string                           // the second factor's, or one for recovery; empty where none was asked for
	Device Secret                           // of the device that they sit at; nil: an unknown one

	// Turn waits for the device's other tries and returns what ends this one; nil: it does not wait. The database
	// counts a try as failed until it is opened, so several at once would be refused from the sixth on.
	Turn func(context.Context) (end func())
}

// Derivation is how the client turns a password into the key that signs in, and the server's nonce of the next try.
type Derivation struct {
	MemoryKiB   uint32 `db:"memory_kib"`
	Iterations  uint32 `db:"iterations"`
	Parallelism uint8  `db:"parallelism"`
	Salt        []byte `db:"salt"`
	Nonce       []byte `db:"nonce"`
}

// derivesLike reports whether both derive the same key.
func (d Derivation) derivesLike(o Derivation) bool {
	return d.MemoryKiB == o.MemoryKiB && d.Iterations == o.Iterations && d.Parallelism == o.Parallelism &&
		bytes.Equal(d.Salt, o.Salt)
}

// An Opening is a new database session. Its key was never sent.
type Opening struct {
	SessionID  int64
	Key        []byte
	UserID     int64
	Ends       time.Time
	ServerTime time.Time
}

// SignInParams answers how to derive the key of an account; for an unknown email it makes something up.
func (db *DB) SignInParams(ctx context.Context, email string) (Derivation, error) {
	query := squirrel.Expr("select memory_kib, iterations, parallelism, salt, nonce from sign_in_params($1)", email)
	db, err := db.alone()
	if err != nil {
		return Derivation{}, err
	}
	return one(ctx, db, query, pgx.RowToStructByName[Derivation])
}

// SignIn opens a session, or is ErrCredentials: for an unknown email, a wrong key or code and a locked account alike.
// It is ErrCode where the key is right and the second factor's code is due, and ErrServer if the server does not know
// the key. raised, if it is not nil, is the same password at a higher cost, at which it is kept from now on unless it
// is already.
func (db *DB) SignIn(ctx context.Context, c Claim, lifetime time.Duration, raised *Password) (Opening, error) {
	db, err := db.alone()
	if err != nil {
		return Opening{}, err
	}
	arguments := []any{nil, nil, nil, nil, nil}
	purpose := func(d Derivation, _ Secret, _ transcript) []byte {
		if raised == nil || d.MemoryKiB >= raised.MemoryKiB && d.Iterations >= raised.Iterations {
			arguments = []any{nil, nil, nil, nil, nil}
			return nil
		}
		arguments = raised.values()
		return raised.purpose("cost")
	}
	var session, user *int64
	var ends, now *time.Time
	t, err := db.prove(ctx, c, purpose, func(ticket []byte) squirrel.Sqlizer {
		return squirrel.Expr(`select outcome, signature, session_id, collaborator_id, ends, server_time
			from open_session($1, $2, $3, $4, $5, $6, $7)`, append([]any{ticket, lifetime}, arguments...)...)
	}, &session, &user, &ends, &now)
	if err != nil {
		return Opening{}, err
	}
	if session == nil || user == nil || ends == nil || now == nil {
		return Opening{}, ErrServer
	}
	return Opening{*session, t.key.Derive("session", t.auth), *user, *ends, *now}, nil
}

// ChangePassword replaces the caller's own password and ends their other sessions. Errors are SignIn's; a wrong key or
// code counts like a failed sign-in.
func (db *DB) ChangePassword(ctx context.Context, c Claim, p Password) error {
	db, err := db.alone()
	if err != nil {
		return err
	}
	purpose := func(Derivation, Secret, transcript) []byte { return p.purpose("password") }
	_, err = db.prove(ctx, c, purpose, func(ticket []byte) squirrel.Sqlizer {
		return squirrel.Expr("select outcome, signature from change_password($1, $2, $3, $4, $5, $6)",
			append([]any{ticket}, p.values()...)...)
	})
	return err
}

// EnableFactor enrols the caller's second factor: a secret of at most 32 bytes, a code of it, and the SHA-256 of ten
// codes for recovery. The claim's code is one of the factor that is replaced, if there is one; errors are SignIn's, and
// ErrInvalid for a wrong code of the new secret. The caller's other sessions end.
func (db *DB) EnableFactor(ctx context.Context, c Claim, secret []byte, code string, recovery [][]byte) error {
	db, err := db.alone()
	if err != nil {
		return err
	}
	var sealedSecret, sealedCode []byte
	purpose := func(_ Derivation, key Secret, s transcript) []byte {
		sealedSecret = xor(secret, key.Derive("factor", s))
		sealedCode = xor(padded(code), key.Derive("new code", s))
		length := binary.BigEndian.AppendUint32(nil, uint32(len(sealedSecret)))
		return digest([]byte("mfa on"), length, sealedSecret, sealedCode, bytes.Join(recovery, nil))
	}
	_, err = db.prove(ctx, c, purpose, func(ticket []byte) squirrel.Sqlizer {
		return squirrel.Expr("select outcome, signature from enable_mfa($1, $2, $3, $4)",
			ticket, sealedSecret, sealedCode, recovery)
	})
	return err
}

// DisableFactor removes the caller's second factor. Errors are SignIn's.
func (db *DB) DisableFactor(ctx context.Context, c Claim) error {
	db, err := db.alone()
	if err != nil {
		return err
	}
	purpose := func(Derivation, Secret, transcript) []byte { return digest([]byte("mfa off")) }
	_, err = db.prove(ctx, c, purpose, func(ticket []byte) squirrel.Sqlizer {
		return squirrel.Expr("select outcome, signature from disable_mfa($1)", ticket)
	})
	return err
}

// A transcript is what both ends have said: the server's nonce, the client's and the email.
type transcript []byte

// A purpose returns the digest of what a ticket is for, which the proof covers; nil: to sign in. It is called for each
// try, before the query that has it judged is built.
type purpose func(Derivation, Secret, transcript) []byte

// An attempt is a try that the database has recorded.
type attempt struct {
	ticket []byte
	auth   []byte // what was proved: the transcript and the purpose
	key    Secret
}

// prove records a try, for the purpose that its ticket is for, and has it judged by the query of that ticket, while no
// other try of the device is in flight. A try that is refused because the account's salt changed in the midst of it,
// when another client raised the cost of the same password, is made once more.
func (db *DB) prove(ctx context.Context, c Claim, purpose purpose, judge func(ticket []byte) squirrel.Sqlizer,
	more ...any,
) (attempt, error) {
	if c.Turn != nil {
		defer c.Turn(ctx)()
	}
	d, err := db.SignInParams(ctx, c.Email)
	if err != nil {
		return attempt{}, err
	}
	for again := true; ; again = false {
		t, err := db.try(ctx, c, d, purpose)
		if err != nil {
			return attempt{}, err
		}
		if err = db.redeem(ctx, t, judge(t.ticket), more...); !again || !errors.Is(err, ErrCredentials) {
			return t, err
		}
		now, unknown := db.SignInParams(ctx, c.Email)
		if unknown != nil || now.derivesLike(d) {
			return t, err
		}
		d = now
	}
}

// try records one try. It learns nothing but the ticket.
func (db *DB) try(ctx context.Context, c Claim, d Derivation, purpose purpose) (attempt, error) {
	key, err := c.Key(d)
	if err != nil {
		return attempt{}, err
	}
	nonce := make([]byte, sha256.Size)
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	name := sha256.Sum256([]byte(c.Email))
	s := transcript(bytes.Join([][]byte{[]byte("crm sign-in"), d.Nonce, nonce, name[:]}, nil))
	t := attempt{auth: append(bytes.Clone(s), purpose(d, key, s)...), key: key}
	var code, device, deviceProof []byte
	if c.Code != "" {
		code = xor(padded(c.Code), key.Derive("code", s))
	}
	if c.Device != nil {
		device, deviceProof = c.Device.Hash(), c.Device.Prove(s)
	}
	query := squirrel.Expr("select sign_in($1, $2, $3, $4, $5, $6, $7)",
		c.Email, d.Nonce, nonce, key.Prove(t.auth), code, device, deviceProof)
	return t, db.once(ctx, step{query, value(&t.ticket)})
}

// redeem has a try judged. The query answers the outcome, the server's signature and then more, which is null unless
// the try was opened.
func (db *DB) redeem(ctx context.Context, t attempt, query squirrel.Sqlizer, more ...any) error {
	var outcome string
	var signature []byte
	read := func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, append([]any{&outcome, &signature}, more...), func() error { return nil })
		return err
	}
	if err := db.once(ctx, step{query, read}); err != nil {
		return err
	}
	if outcome == "refused" {
		return ErrCredentials
	}
	if !hmac.Equal(signature, t.key.Derive("server", t.auth)) {
		return ErrServer
	}
	switch outcome {
	case "code_due":
		return ErrCode
	case "mfa_code":
		return say(ErrInvalid,
			"invalid code: it is not one of the secret that is shown; is the clock of your device right?")
	case "mfa_required":
		return say(ErrConflict, "your role must have a second factor: enable another device with mfa enable instead")
	case "mfa_none":
		return say(ErrNotFound, "there is no second factor")
	}
	return nil
}

// purpose is the digest of what a ticket is for: to keep this password.
func (p Password) purpose(what string) []byte {
	cost := binary.BigEndian.AppendUint32(nil, p.MemoryKiB)
	cost = binary.BigEndian.AppendUint32(cost, p.Iterations)
	cost = binary.BigEndian.AppendUint32(cost, uint32(p.Parallelism))
	return digest([]byte(what), cost, p.Salt, p.KeyHash)
}

// values are the arguments of SQL functions that keep a password.
func (p Password) values() []any {
	return []any{p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash}
}

// padded is a code in 32 bytes; capitals, hyphens and blanks do not matter.
func padded(code string) []byte {
	code = strings.ToLower(strings.NewReplacer("-", "", " ", "").Replace(code))
	block := make([]byte, sha256.Size)
	copy(block, code)
	return block
}

func digest(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

// xor is the bytes of one xor those of the other; what is longer than other is cut.
func xor(one, other []byte) []byte {
	out := make([]byte, min(len(one), len(other)))
	for i := range out {
		out[i] = one[i] ^ other[i]
	}
	return out
}
