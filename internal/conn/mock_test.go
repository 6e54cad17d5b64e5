package conn

import (
	"context"
	"errors"
	"sync"
)

// mockClient shows what a real client cannot: one that does not signal its
// loss, or ignores its context.
type mockClient struct {
	mu        sync.Mutex
	connected bool
	reachable bool
	stuck     chan struct{} // not nil: Connect waits for it, whatever its context does
	done      chan struct{}
}

func newMockClient() *mockClient { return &mockClient{reachable: true} }

func (c *mockClient) SetConnected(on bool) { c.mu.Lock(); defer c.mu.Unlock(); c.connected = on }
func (c *mockClient) SetReachable(on bool) { c.mu.Lock(); defer c.mu.Unlock(); c.reachable = on }

func (c *mockClient) Connect(context.Context) error {
	c.mu.Lock()
	stuck := c.stuck
	c.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reachable {
		return errors.New("not reachable")
	}
	c.connected = true
	return nil
}

func (c *mockClient) Close() error                                 { c.SetConnected(false); return nil }
func (c *mockClient) IsConnected() bool                            { c.mu.Lock(); defer c.mu.Unlock(); return c.connected }
func (c *mockClient) Address() string                              { return "mock:22" }
func (c *mockClient) Exec(context.Context, string) (string, error) { return "", nil }
func (c *mockClient) Done() <-chan struct{}                        { return c.done }
