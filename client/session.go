package client

import (
	"fmt"
	"sync"

	"github.com/katakv/katakv"
	"github.com/katakv/katakv/internal/session"
)

// Session is what has been written and seen. Reads through it reflect all of that, whichever replica answers: a session
// reads its own writes and never sees a key go back. Its commands are those of a [Client], and their reads are of level
// session unless another one is chosen; whatever they write and see is noted, also by those of With.
//
// A Session is no connection: it costs some memory and need not be closed. It may be used from any goroutine. Its token
// carries it to other processes.
type Session struct {
	// Commands are those of the client, in this session.
	Commands

	mu struct {
		sync.Mutex
		seen session.Session
	}
}

// NewSession returns a session that has seen nothing yet.
func (c *Client) NewSession() *Session {
	s := &Session{Commands: c.Commands}
	s.set.session = s
	s.set.read, s.set.chosen = katakv.Consistency{Level: katakv.LevelSession}, true
	return s
}

// ParseSession returns a session that has seen what the one of the token had. A token that was cut or changed, or is of
// another cluster, is refused.
func (c *Client) ParseSession(token string) (*Session, error) {
	s := c.NewSession()
	if err := s.Merge(token); err != nil {
		return nil, err
	}
	return s, nil
}

// Token returns the session in a portable form: text of some twenty characters, and four to ten for each shard used. It
// is good at every node and in every process, across restarts, in [Client.ParseSession], in KATA SESSION of any Redis
// client, and any number of times.
func (s *Session) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.seen.Token(s.client.cluster)
}

// Merge lets the session have seen what the one of a token had, besides what it has seen itself.
func (s *Session) Merge(token string) error {
	other, err := session.Parse([]byte(token), s.client.cluster)
	if err != nil {
		return fmt.Errorf("merge sessions: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.seen.Merge(other)
	return nil
}

// see notes answers. Without a session it does nothing.
func (s *Session) see(served []katakv.Served, epoch katakv.Epoch) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, answer := range served {
		s.mu.seen.See(answer)
	}
	s.mu.seen.SeeEpoch(epoch)
}
