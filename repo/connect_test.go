package repo_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"crm/repo"
	"crm/repo/embedded/faultproxy"
)

// An administrator's connection has the same limits: it ends if the server does not answer, and an interrupt ends a
// statement whose answer never comes.
func TestAdminLimits(t *testing.T) {
	t.Parallel()
	silent := ok[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = silent.Close() })
	admin := repo.NewAdmin("postgres://postgres@"+silent.Addr().String()+"/postgres?sslmode=disable&connect_timeout=1",
		names("crm"))
	if _, err := admin.HasAppRole(t.Context()); !errors.Is(err, repo.ErrUnavailable) ||
		!strings.Contains(err.Error(), "did not answer in time") {
		t.Errorf("a silent server: %v", err)
	}
	if err := admin.Try(t.Context(),
		"postgres://crm_app@"+silent.Addr().String()+"/crm?sslmode=disable&connect_timeout=1"); !errors.Is(err,
		repo.ErrUnavailable) {
		t.Errorf("a silent server, as the app role: %v", err)
	}
	f := newFaulty(t)
	through := repo.NewAdmin("postgres://postgres@127.0.0.1:"+f.Port()+"/postgres?sslmode=disable", names(f.database))
	ctx, cancel := context.WithCancel(t.Context())
	f.Arm(faultproxy.Swallow, faultproxy.Down, 0)
	done := make(chan error, 1)
	go func() { done <- through.Alone(ctx, func() error { return nil }) }()
	for f.Armed() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
