package admin

import (
	_ "embed"
	"net/http"
	"strconv"
)

// openapi describes what the port answers. It is written by hand; tests hold it to the routes.
//
//go:embed openapi.json
var openapi []byte

func describe(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(openapi)))
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(openapi) // a client that left is its own concern
}
