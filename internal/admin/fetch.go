package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/katakv/katakv/internal/httpapi"
)

// maxAnswerBytes bounds what Fetch reads: the view of the largest cluster stays below.
const maxAnswerBytes = 64 << 20

// fetchClient keeps no connections: its callers ask seldom.
var fetchClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Fetch gets path from the HTTP address ("host:port") of a node and decodes the JSON answer. An error answer
// becomes an error with the node's message. It ends with ctx.
func Fetch(ctx context.Context, address, path string, into any) error {
	if err := fetch(ctx, address, path, into); err != nil {
		return fmt.Errorf("ask node at http://%s%s: %w", address, path, err)
	}
	return nil
}

func fetch(ctx context.Context, address, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := fetchClient.Do(request)
	if err != nil {
		var wrapped interface{ Unwrap() error } // the address is in the message already
		if errors.As(err, &wrapped) {
			return wrapped.Unwrap()
		}
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		var problem httpapi.Problem
		if json.Unmarshal(data, &problem) == nil && problem.Message != "" {
			return errors.New(problem.Message)
		}
		return fmt.Errorf("it answered %s: is this the HTTP port of a KataKV node?", response.Status)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return nil
}
