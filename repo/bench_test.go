package repo_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What the guard costs: the same read as the superuser without it, and as the app role with a token
// in the same round trip. Compare the two lines of one run.
func BenchmarkGuard(b *testing.B) {
	w, ctx := newWorld(b), context.Background()
	token := w.token("sales1")
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			batch := &pgx.Batch{}
			batch.Queue("select set_config('crm.token', $1, true)", token)
			batch.Queue("select id, email from collaborator where id = $1", 1)
			if err := w.owner.SendBatch(ctx, batch).Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("guarded", func(b *testing.B) {
		for b.Loop() {
			batch := &pgx.Batch{}
			batch.Queue("select set_config('crm.token', $1, true)", token)
			batch.Queue("select id, email from users where id = $1", 1)
			if err := w.pool.SendBatch(ctx, batch).Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
