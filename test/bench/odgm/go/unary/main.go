// Load on the unary surface by a native tool: gRPC calls and REST requests as any outside client
// makes them, in closed loop or at a rate. What is called is given by name; requests are encoded
// here, answers are read whole but not decoded. It prints one JSON line.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"oaas.local/bench-odgm/figures"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

type options struct {
	address     string
	protocol    string
	operation   string
	class       string
	function    string
	keys        int
	size        int
	concurrency int
	connections int
	seconds     float64
	rate        float64
	all         bool
}

type result struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Failed     int     `json:"failed"`
	FirstError string  `json:"firstError,omitempty"`
	P50Ms      float64 `json:"p50Ms"`
	P99Ms      float64 `json:"p99Ms"`
	CPUSeconds float64 `json:"clientCpuSeconds"`
}

// One operation on one of the keys, over one of the connections.
type call func(connection int, key string) error

func main() {
	var o options
	flag.StringVar(&o.address, "address", "", "host:port")
	flag.StringVar(&o.protocol, "protocol", "grpc", "grpc or rest")
	flag.StringVar(&o.operation, "operation", "set", "set, get or invoke")
	flag.StringVar(&o.class, "class", "", "class, as package.Class")
	flag.StringVar(&o.function, "function", "", "function, for invoke")
	flag.IntVar(&o.keys, "keys", 10000, "different objects")
	flag.IntVar(&o.size, "size", 100, "bytes of a value or payload")
	flag.IntVar(&o.concurrency, "concurrency", 64, "calls in flight, closed loop")
	flag.IntVar(&o.connections, "connections", 8, "connections, used in turn")
	flag.Float64Var(&o.seconds, "seconds", 5, "how long")
	flag.BoolVar(&o.all, "all", false, "every key once instead, however long it takes")
	flag.Float64Var(&o.rate, "rate", 0, "calls begun per second instead of a closed loop")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	operate, err := operation(o)
	if err != nil {
		return err
	}
	var begin func(until time.Time, worker int, record func(sent time.Time, err error))
	workers := o.concurrency
	if o.all {
		begin = func(_ time.Time, worker int, record func(time.Time, error)) {
			for number := worker; number < o.keys; number += workers {
				record(time.Now(), operate(worker, keyOf(number)))
			}
		}
	} else if o.rate > 0 {
		// One worker lets the others begin: a late answer holds nobody up.
		workers = 1
		begin = func(until time.Time, _ int, record func(time.Time, error)) {
			openLoop(o, until, operate, record)
		}
	} else {
		begin = func(until time.Time, worker int, record func(time.Time, error)) {
			for {
				sent := time.Now()
				if !sent.Before(until) {
					return
				}
				record(sent, operate(worker, key(o)))
			}
		}
	}
	var lock sync.Mutex
	var took []time.Duration
	failed, first := 0, ""
	started := time.Now()
	until := started.Add(time.Duration(o.seconds * float64(time.Second)))
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			begin(until, worker, func(sent time.Time, err error) {
				elapsed := time.Since(sent)
				lock.Lock()
				defer lock.Unlock()
				if err != nil {
					failed++
					if first == "" {
						first = err.Error()
					}
					return
				}
				took = append(took, elapsed)
			})
		})
	}
	all.Wait()
	seconds := time.Since(started).Seconds()
	slices.Sort(took)
	return json.NewEncoder(os.Stdout).Encode(result{
		Operations: len(took),
		Seconds:    seconds,
		Failed:     failed,
		FirstError: first,
		P50Ms:      figures.Percentile(took, 0.5),
		P99Ms:      figures.Percentile(took, 0.99),
		CPUSeconds: figures.CPUSeconds(),
	})
}

// Calls begin when the clock says so; a latency counts from then, also if the start was late.
func openLoop(o options, until time.Time, operate call, record func(time.Time, error)) {
	var running sync.WaitGroup
	pause := time.Duration(float64(time.Second) / o.rate)
	for number, due := 0, time.Now(); due.Before(until); number, due = number+1, due.Add(pause) {
		time.Sleep(time.Until(due))
		begun := due
		running.Go(func() { record(begun, operate(number, key(o))) })
	}
	running.Wait()
}

func key(o options) string { return keyOf(rand.IntN(o.keys)) }

func keyOf(number int) string { return fmt.Sprintf("user%012d", number) }

func operation(o options) (call, error) {
	switch o.protocol + " " + o.operation {
	case "grpc set":
		return grpcCall(o, "/oprc.DataService/Set", setRequest)
	case "grpc get":
		return grpcCall(o, "/oprc.DataService/Get", getRequest)
	case "grpc invoke":
		return grpcCall(o, "/oprc.OprcFunction/InvokeFn", invokeRequest)
	case "rest set", "rest get":
		return restCall(o)
	}
	return nil, fmt.Errorf("no operation %q over %q", o.operation, o.protocol)
}

type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(message any) ([]byte, error) {
	return *(message.(*[]byte)), nil
}
func (rawCodec) Unmarshal(data []byte, message any) error {
	*(message.(*[]byte)) = slices.Clone(data)
	return nil
}

func grpcCall(o options, method string, request func(o options, key string) []byte) (call, error) {
	connections := make([]*grpc.ClientConn, o.connections)
	for at := range connections {
		connection, err := grpc.NewClient(o.address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{})))
		if err != nil {
			return nil, err
		}
		connections[at] = connection
	}
	return func(at int, key string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		message, answer := request(o, key), []byte(nil)
		return connections[at%len(connections)].Invoke(ctx, method, &message, &answer)
	}, nil
}

func field(to []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(to, number, protowire.BytesType), value)
}

func getRequest(o options, key string) []byte {
	return field(field(nil, 1, []byte(o.class)), 4, []byte(key))
}

func setRequest(o options, key string) []byte {
	value := field(nil, 1, bytes.Repeat([]byte("v"), o.size))
	entry := field(field(nil, 1, []byte("value")), 2, value)
	return field(field(field(nil, 1, []byte(o.class)), 4, field(nil, 4, entry)), 5, []byte(key))
}

func invokeRequest(o options, _ string) []byte {
	named := field(field(nil, 3, []byte(o.class)), 4, []byte(o.function))
	return field(named, 6, bytes.Repeat([]byte("v"), o.size))
}

func restCall(o options) (call, error) {
	clients := make([]*http.Client, o.connections)
	for at := range clients {
		// Requests that wait take the next free connection of theirs, as with HTTP/1.1 everywhere.
		transport := &http.Transport{MaxConnsPerHost: max(1, o.concurrency/o.connections)}
		transport.MaxIdleConnsPerHost = transport.MaxConnsPerHost
		clients[at] = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	}
	data := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("v"), o.size))
	body := `{"entries":{"value":{"data":"` + data + `","type":0}}}`
	base := "http://" + o.address + "/api/class/" + o.class + "/objects/"
	return func(at int, key string) error {
		method, content := http.MethodGet, io.Reader(nil)
		if o.operation == "set" {
			method, content = http.MethodPut, strings.NewReader(body)
		}
		request, err := http.NewRequest(method, base+key, content)
		if err != nil {
			return err
		}
		request.Header.Set("content-type", "application/json")
		response, err := clients[at%len(clients)].Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", response.Status, answer)
		}
		return err
	}, nil
}
