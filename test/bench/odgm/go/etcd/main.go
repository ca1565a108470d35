// Load on an etcd cluster by etcd's own client, in closed loop: what `npm run bench -- odgm --part
// etcd` puts beside a Raft shard. It prints one JSON line; `probe` prints one line per write that
// was acknowledged, with the time of day, until its input ends.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"oaas.local/bench-odgm/figures"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"
)

type options struct {
	endpoints   []string
	keys        int
	size        int
	concurrency int
	connections int
	seconds     float64
	reads       int
}

type result struct {
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Failed     int     `json:"failed"`
	P50Ms      float64 `json:"p50Ms"`
	P99Ms      float64 `json:"p99Ms"`
	CPUSeconds float64 `json:"clientCpuSeconds"`
}

func main() {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	endpoints := flag.String("endpoints", "", "client addresses, with commas")
	mode := flag.String("mode", "load", "load or probe")
	var o options
	flag.IntVar(&o.keys, "keys", 10000, "different keys")
	flag.IntVar(&o.size, "size", 100, "bytes of a value")
	flag.IntVar(&o.concurrency, "concurrency", 64, "operations in flight")
	flag.IntVar(&o.connections, "connections", 8, "connections, to the endpoints in turn")
	flag.Float64Var(&o.seconds, "seconds", 5, "how long")
	flag.IntVar(&o.reads, "reads", 0, "linearizable reads per hundred operations")
	flag.Parse()
	o.endpoints = strings.Split(*endpoints, ",")
	var err error
	switch *mode {
	case "load":
		err = load(o)
	case "probe":
		err = probe(o)
	default:
		err = fmt.Errorf("mode %q", *mode)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func connect(endpoints ...string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
	})
}

func load(o options) error {
	clients := make([]*clientv3.Client, o.connections)
	for at := range clients {
		client, err := connect(o.endpoints[at%len(o.endpoints)])
		if err != nil {
			return err
		}
		defer client.Close()
		clients[at] = client
	}
	value := strings.Repeat("v", o.size)
	took := make([][]time.Duration, o.concurrency)
	failed := make([]int, o.concurrency)
	started := time.Now()
	until := started.Add(time.Duration(o.seconds * float64(time.Second)))
	var all sync.WaitGroup
	for worker := range o.concurrency {
		all.Go(func() {
			client := clients[worker%len(clients)]
			for {
				sent := time.Now()
				if !sent.Before(until) {
					return
				}
				if err := operate(client, o, value); err != nil {
					failed[worker]++
					continue
				}
				took[worker] = append(took[worker], time.Since(sent))
			}
		})
	}
	all.Wait()
	seconds := time.Since(started).Seconds()
	sorted := slices.Concat(took...)
	slices.Sort(sorted)
	sum := 0
	for _, count := range failed {
		sum += count
	}
	return json.NewEncoder(os.Stdout).Encode(result{
		Operations: len(sorted),
		Seconds:    seconds,
		Failed:     sum,
		P50Ms:      figures.Percentile(sorted, 0.5),
		P99Ms:      figures.Percentile(sorted, 0.99),
		CPUSeconds: figures.CPUSeconds(),
	})
}

func operate(client *clientv3.Client, o options, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	key := fmt.Sprintf("user%012d", rand.IntN(o.keys))
	if rand.IntN(100) < o.reads {
		_, err := client.Get(ctx, key)
		return err
	}
	_, err := client.Put(ctx, key, value)
	return err
}

// Writes one after the other, each at the next endpoint if the last did not answer.
func probe(o options) error {
	clients := make([]*clientv3.Client, len(o.endpoints))
	for at, endpoint := range o.endpoints {
		client, err := connect(endpoint)
		if err != nil {
			return err
		}
		defer client.Close()
		clients[at] = client
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	value := strings.Repeat("v", o.size)
	for turn := 0; ; {
		select {
		case <-ended:
			return nil
		default:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		_, err := clients[turn%len(clients)].Put(ctx, "probe", value)
		cancel()
		if err != nil {
			turn++
			time.Sleep(5 * time.Millisecond)
			continue
		}
		fmt.Println(time.Now().UnixMicro())
	}
}
