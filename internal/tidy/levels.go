package tidy

// Module is the import path of the repository's root package.
const Module = "github.com/katakv/katakv"

// side is the level of packages that stand beside the product, such as the simulator: they may import
// everything below sideCeiling, and no product package imports them.
const (
	side        = -1
	sideCeiling = 7
)

// Rule says what one package may do.
type Rule struct {
	// Level orders imports: a package imports lower levels only, never its own.
	Level int

	// Pure packages hold no goroutine, channel, lock, clock or global randomness, and reach neither
	// processes, files, sockets nor Pebble. The simulator stands on them.
	Pure bool

	// Except lists imports that a pure package may have all the same; each line that uses it says why.
	Except []string

	// Goroutines allows `go` statements.
	Goroutines bool

	// TestHelp marks a package for tests: product code does not import it.
	TestHelp bool

	// OnlyFrom names the packages that may import this one besides tests, where its level says too little.
	OnlyFrom []string
}

// Packages is the table of style: every package of the main module, by directory. It may name packages that
// do not exist yet.
var Packages = map[string]Rule{
	".": {Level: 0, Pure: true},

	"internal/invariant": {Level: 0},
	"internal/require":   {Level: 0, TestHelp: true, OnlyFrom: []string{"internal/figures/measure"}}, // sets what require reads

	"internal/slot":    {Level: 1, Pure: true},
	"internal/resp":    {Level: 1},
	"internal/session": {Level: 1, Pure: true},
	"internal/journey": {Level: 1, Pure: true},
	"internal/access":  {Level: 1},
	"internal/check":   {Level: 1, Goroutines: true}, // searches several groups at a time, if asked
	"internal/clock":   {Level: 1},
	"internal/figures": {Level: 1},
	"internal/crashfs": {Level: 1, OnlyFrom: []string{"internal/sim"}}, // and tests
	"internal/group":   {Level: 1, Goroutines: true, OnlyFrom: []string{"internal/node", "internal/transport"}},

	// Real faults for real processes, each alone.
	"internal/faultnet": {Level: 1, Goroutines: true},
	"internal/faultfs":  {Level: 1, Goroutines: true},
	"internal/powercut": {Level: 1},

	"internal/command":   {Level: 2, Pure: true},
	"internal/placement": {Level: 2, Pure: true},
	"internal/engine":    {Level: 2, Pure: true, Except: []string{"sync"}}, // the one in memory keeps the contract of one on disk: any goroutine may read
	"internal/raftlog":   {Level: 2},

	// Beneath a package of level 2, whose interface or types they use.
	"internal/engine/pebble":     {Level: 3},
	"internal/engine/enginetest": {Level: 3, TestHelp: true, Goroutines: true},
	"internal/placement/compare": {Level: 3, Pure: true},

	"internal/kv":      {Level: 3, Pure: true},
	"internal/wire":    {Level: 3, Pure: true},
	"internal/config":  {Level: 3}, // its addresses are those of the map
	"internal/datadir": {Level: 3}, // whose directory this is; keeps the cluster map, so it stands above placement

	"internal/replica":   {Level: 4, Pure: true},
	"internal/transport": {Level: 4, Goroutines: true},

	"internal/core":      {Level: 5, Pure: true},
	"internal/liveness":  {Level: 5, Pure: true},
	"internal/bootstrap": {Level: 5, Pure: true},

	"internal/router":     {Level: 6, Pure: true},
	"internal/controller": {Level: 6, Pure: true},

	"client":           {Level: 7, Goroutines: true}, // beneath bench and load, which are made of its connections
	"internal/node":    {Level: 7, Goroutines: true},
	"internal/httpapi": {Level: 7}, // beneath admin, whose port it is served on
	"internal/backup":  {Level: 7, Goroutines: true},
	"internal/console": {Level: 7},

	"internal/server":       {Level: 8, Goroutines: true},
	"internal/admin":        {Level: 8, Goroutines: true},
	"internal/localcluster": {Level: 8, Goroutines: true},
	"internal/bench":        {Level: 8, Goroutines: true},
	"internal/load":         {Level: 8, Goroutines: true},

	"internal/chaos": {Level: 9, Goroutines: true}, // above localcluster, whose nodes it hurts

	"cmd/katakv":               {Level: 10, Goroutines: true},
	"internal/figures/measure": {Level: 10},

	"internal/sim":  {Level: side, OnlyFrom: []string{"cmd/katasim"}},
	"internal/tidy": {Level: side, TestHelp: true},
	"cmd/katasim":   {Level: side, Goroutines: true},

	// Tests of the whole, outside the product; helper programs in them are mains.
	"test/e2e":   {Level: 11, Goroutines: true, TestHelp: true},
	"test/chaos": {Level: 11, Goroutines: true, TestHelp: true},

	// The comparison with Redis, and test data.
	"bench":              {Level: 9, Goroutines: true, TestHelp: true, OnlyFrom: []string{"bench/compare"}},
	"bench/compare":      {Level: 10, TestHelp: true},
	"test/realdata":      {Level: 9, TestHelp: true, OnlyFrom: []string{"test/realdata/dump"}},
	"test/realdata/dump": {Level: 10, TestHelp: true},
}

// Owner says who may import a dependency: an import path and everything below it, unless a longer path has
// an owner of its own. Tests may import what they like.
type Owner struct {
	Path     string
	Packages []string
}

const (
	pebblePath   = "github.com/cockroachdb/pebble"
	pebbleV2Path = pebblePath + "/v2"
	raftPath     = "go.etcd.io/raft/v3"
)

// osOwners start processes or touch files outside the engine and the log.
var osOwners = []string{
	"cmd/katakv", "cmd/katasim", "internal/config", "internal/engine/pebble", "internal/backup", "internal/datadir",
	"internal/localcluster", "internal/chaos", "internal/require", "internal/figures/measure", "internal/tidy",
	"internal/faultnet", "internal/faultfs", "internal/powercut",
}

// kernelOwners make system calls without touching processes or files: the clock reads CLOCK_BOOTTIME, the
// admin interface reports the process's own resources, transport and server set options of sockets, and the
// node tells a full disk from a broken one, as its simulation does.
var kernelOwners = []string{"internal/sim", "internal/clock", "internal/admin", "internal/transport", "internal/server", "internal/node"}

// Owners is the table of dependencies. A third-party import without a line here is a finding; of the
// standard library only the listed parts are owned.
var Owners = []Owner{
	{pebblePath, []string{"internal/engine/pebble"}},
	{pebbleV2Path + "/vfs", []string{"internal/engine/pebble", "internal/raftlog", "internal/crashfs", "internal/sim"}},
	{raftPath, []string{"internal/replica"}},
	{raftPath + "/raftpb", []string{"internal/raftlog", "internal/wire", "internal/kv", "internal/replica", "internal/core", "internal/node", "internal/sim"}},
	// Raft's messages are protobuf messages with pointer scalars: whoever holds them needs its helpers.
	{"google.golang.org/protobuf", []string{"internal/raftlog", "internal/wire", "internal/replica", "internal/core"}},
	{"github.com/prometheus", []string{"internal/admin"}},
	{"github.com/spf13", []string{"cmd/katakv"}},
	{"go.yaml.in/yaml", []string{"internal/config"}},
	{"golang.org/x/sync", []string{"internal/node"}},
	{"github.com/google/btree", []string{"internal/engine"}},
	{"github.com/anishathalye/porcupine", []string{"internal/check"}},
	{"github.com/hanwen/go-fuse", []string{"internal/faultfs"}},

	// localcluster asks the processes that it started whether they are ready.
	// The program opens the listeners, and a node passes one on.
	{"net", []string{"internal/transport", "internal/server", "internal/admin", "client", "internal/localcluster", "internal/node", "cmd/katakv"}},
	{"net/http", []string{"internal/admin", "internal/httpapi", "internal/backup", "internal/localcluster"}},
	{"os", osOwners},
	{"syscall", append(kernelOwners, osOwners...)},
	{"golang.org/x/sys", append(kernelOwners, osOwners...)},
	{"testing", []string{"internal/require"}},
	{"unsafe", nil},
	{"C", nil}, // the product is one static binary
	{"plugin", nil},
}

// free are parts of owned paths that anyone may import: they parse text and hold no descriptor.
var free = map[string]bool{"net/netip": true, "net/url": true, "net/textproto": true}
