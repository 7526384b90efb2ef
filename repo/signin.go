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

// This file signs users in: the client's side of the exchange that part 5 of schema.sql describes. No statement
// contains a password's key, a code, a second factor's secret or a session's key.

// A Secret proves that a caller has a secret without sending it. security.Secret implements it.
type Secret interface {
	Hash() []byte                               // SHA-256 of the secret
	Prove(message []byte) []byte                // secret xor HMAC-SHA256(Hash, message), 32 bytes
	Derive(label string, message []byte) []byte // HMAC-SHA256(secret, label || message), 32 bytes
}

// A Claim is an identity and its proofs.
type Claim struct {
	Email  string
	Key    func(Derivation) (Secret, error) // returns the password's key at that cost and salt
	Code   string                           // of the second factor, or a recovery code; empty if none was requested
	Device Secret                           // of the user's device; nil: an unknown one

	// Turn waits for other attempts of the device and returns the function that ends this one; nil: do not wait. The
	// database counts an attempt as failed until it succeeds, so more than five at once would be refused.
	Turn func(context.Context) (end func())
}

// Derivation has the parameters for deriving the sign-in key from a password, and the server's nonce for the next
// attempt.
type Derivation struct {
	MemoryKiB   uint32 `db:"memory_kib"`
	Iterations  uint32 `db:"iterations"`
	Parallelism uint8  `db:"parallelism"`
	Salt        []byte `db:"salt"`
	Nonce       []byte `db:"nonce"`
}

// derivesLike reports whether both derive the same key from a password.
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

// SignInParams returns the parameters for deriving the key of an account. For an unknown email the database invents
// them.
func (db *DB) SignInParams(ctx context.Context, email string) (Derivation, error) {
	query := squirrel.Expr("select memory_kib, iterations, parallelism, salt, nonce from sign_in_params($1)", email)
	db, err := db.ownTransactions()
	if err != nil {
		return Derivation{}, err
	}
	return one(ctx, db, query, pgx.RowToStructByName[Derivation])
}

// SignIn opens a session. It returns ErrCredentials for an unknown email, a wrong key or code, and a locked account;
// ErrCode if the key is correct and the second factor's code is missing; and ErrServer if the server cannot prove that
// it knows the account. raised, if not nil, is the same password at a higher cost; it replaces the stored one if its
// cost is still lower.
func (db *DB) SignIn(ctx context.Context, c Claim, lifetime time.Duration, raised *Password) (Opening, error) {
	db, err := db.ownTransactions()
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

// ChangePassword replaces the caller's own password and ends their other sessions. Errors are as in SignIn. A wrong key
// or code counts as a failed sign-in.
func (db *DB) ChangePassword(ctx context.Context, c Claim, p Password) error {
	db, err := db.ownTransactions()
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

// EnableFactor enrols the caller's second factor: a secret of at most 32 bytes, a code of that secret, and the SHA-256
// of ten recovery codes. The claim's code belongs to the factor that is replaced, if any. Errors are as in SignIn, and
// ErrInvalid for a wrong code of the new secret. The caller's other sessions end.
func (db *DB) EnableFactor(ctx context.Context, c Claim, secret []byte, code string, recovery [][]byte) error {
	db, err := db.ownTransactions()
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

// DisableFactor removes the caller's second factor. Errors are as in SignIn.
func (db *DB) DisableFactor(ctx context.Context, c Claim) error {
	db, err := db.ownTransactions()
	if err != nil {
		return err
	}
	purpose := func(Derivation, Secret, transcript) []byte { return digest([]byte("mfa off")) }
	_, err = db.prove(ctx, c, purpose, func(ticket []byte) squirrel.Sqlizer {
		return squirrel.Expr("select outcome, signature from disable_mfa($1)", ticket)
	})
	return err
}

// A transcript is the data that both sides have sent: the server's nonce, the client's nonce and the email.
type transcript []byte

// A purpose returns the digest of the purpose of a ticket, which the proof covers; nil: to sign in. It is called for
// each attempt, before its query is built.
type purpose func(Derivation, Secret, transcript) []byte

// An attempt is a sign-in attempt that the database has recorded.
type attempt struct {
	ticket []byte
	auth   []byte // the proved message: the transcript and the purpose
	key    Secret
}

// prove records an attempt for a purpose, and has the database judge it with the query for its ticket. No other attempt
// of the device runs at the same time. If another client raises the cost of the same password meanwhile, the salt
// changes and the attempt is refused; then prove retries once.
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

// try records one attempt. It returns the ticket only.
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

// redeem has the database judge an attempt. The query returns the outcome, the server's signature and further columns,
// which are null unless the attempt succeeded.
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
		return say(ErrNotFound, "you have no second factor")
	}
	return nil
}

// purpose returns the digest of a ticket's purpose to store this password.
func (p Password) purpose(what string) []byte {
	cost := binary.BigEndian.AppendUint32(nil, p.MemoryKiB)
	cost = binary.BigEndian.AppendUint32(cost, p.Iterations)
	cost = binary.BigEndian.AppendUint32(cost, uint32(p.Parallelism))
	return digest([]byte(what), cost, p.Salt, p.KeyHash)
}

// values returns the arguments of the SQL functions that store a password.
func (p Password) values() []any {
	return []any{p.MemoryKiB, p.Iterations, p.Parallelism, p.Salt, p.KeyHash}
}

// padded returns a code in 32 bytes, without regard to capitals, hyphens and blanks.
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

// xor returns one xor other, cut to the length of one.
func xor(one, other []byte) []byte {
	out := make([]byte, min(len(one), len(other)))
	for i := range out {
		out[i] = one[i] ^ other[i]
	}
	return out
}
