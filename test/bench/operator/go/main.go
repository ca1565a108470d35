// The operator that ours is measured against: the same kind, children and semantics on
// sigs.k8s.io/controller-runtime. Written to be as good as that library allows: caches filtered by
// label and without managedFields, no client rate limit, children matched before they are applied,
// no echo of its own writes, the lease given back at the end.
package main

import (
	"errors"
	"flag"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	host := flag.String("server", "", "https://HOST:PORT of the API server")
	tokenFile := flag.String("token-file", "", "bearer token of the service account")
	caFile := flag.String("ca-file", "", "CA of the API server")
	namespace := flag.String("namespace", "", "namespace of the lease")
	metrics := flag.String("metrics", "", "HOST:PORT of /metrics")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(*host, *tokenFile, *caFile, *namespace, *metrics); err != nil {
		ctrl.Log.Error(err, "operator failed")
		os.Exit(1)
	}
}

func run(host, tokenFile, caFile, namespace, metrics string) error {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), addToScheme(scheme)); err != nil {
		return err
	}
	// What rest.InClusterConfig makes of a pod's service account, with files of our own.
	restConfig := &rest.Config{
		Host:            host,
		BearerTokenFile: tokenFile,
		TLSClientConfig: rest.TLSClientConfig{CAFile: caFile},
		QPS:             -1,
	}
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{managedByLabel: fieldManager})}
	warm := true
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			ByObject:         map[client.Object]cache.ByObject{&corev1.ConfigMap{}: ours, &corev1.Service{}: ours},
			DefaultTransform: cache.TransformStripManagedFields(),
		},
		Controller:                    config.Controller{EnableWarmup: &warm},
		Metrics:                       server.Options{BindAddress: metrics},
		LeaderElection:                true,
		LeaderElectionID:              "bench-go",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	r := &reconciler{Client: mgr.GetClient(), recorder: mgr.GetEventRecorder("bench-go")}
	if err := r.setup(mgr); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
