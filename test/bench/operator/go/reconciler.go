package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const (
	fieldManager   = "bench-go"
	finalizer      = "bench.example.io/site"
	managedByLabel = "app.kubernetes.io/managed-by"
	instanceLabel  = "app.kubernetes.io/instance"
	readyCondition = "Ready"
	concurrency    = 10
)

// reconciler makes a ConfigMap and a Service of each Site by server-side apply. Children that are
// as desired in the cache are not applied again, and a status that says the same is not written.
type reconciler struct {
	client.Client
	recorder events.EventRecorder
}

func (r *reconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("site").
		// Our own status and finalizer do not change the generation: no echo.
		For(&Site{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Service{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var site Site
	if err := r.Get(ctx, req.NamespacedName, &site); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !site.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.release(ctx, &site)
	}
	if err := r.keepFinalizer(ctx, &site); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.applyConfigMap(ctx, &site); err != nil {
		return ctrl.Result{}, fmt.Errorf("applying ConfigMap: %w", err)
	}
	address, err := r.applyService(ctx, &site)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("applying Service: %w", err)
	}
	return ctrl.Result{}, r.writeStatus(ctx, &site, address)
}

func (r *reconciler) release(ctx context.Context, site *Site) error {
	base := site.DeepCopy()
	if !controllerutil.RemoveFinalizer(site, finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	return client.IgnoreNotFound(r.Patch(ctx, site, patch, client.FieldOwner(fieldManager)))
}

func (r *reconciler) keepFinalizer(ctx context.Context, site *Site) error {
	base := site.DeepCopy()
	if !controllerutil.AddFinalizer(site, finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(base, client.MergeFromWithOptimisticLock{})
	return r.Patch(ctx, site, patch, client.FieldOwner(fieldManager))
}

func (r *reconciler) applyConfigMap(ctx context.Context, site *Site) error {
	name, labels := site.Name+"-config", labelsOf(site)
	data := map[string]string{"text": site.Spec.Text, "port": fmt.Sprint(site.Spec.Port)}
	var live corev1.ConfigMap
	err := r.Get(ctx, client.ObjectKey{Namespace: site.Namespace, Name: name}, &live)
	if err == nil && metav1.IsControlledBy(&live, site) &&
		equality.Semantic.DeepDerivative(labels, live.Labels) &&
		equality.Semantic.DeepEqual(data, live.Data) {
		return nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	desired := corev1ac.ConfigMap(name, site.Namespace).
		WithLabels(labels).
		WithOwnerReferences(ownerReference(site)).
		WithData(data)
	return r.Apply(ctx, desired, client.FieldOwner(fieldManager), client.ForceOwnership)
}

func (r *reconciler) applyService(ctx context.Context, site *Site) (string, error) {
	labels, selector := labelsOf(site), map[string]string{instanceLabel: site.Name}
	var live corev1.Service
	err := r.Get(ctx, client.ObjectKeyFromObject(site), &live)
	if err == nil && metav1.IsControlledBy(&live, site) &&
		equality.Semantic.DeepDerivative(labels, live.Labels) &&
		equality.Semantic.DeepEqual(selector, live.Spec.Selector) &&
		equality.Semantic.DeepDerivative(servicePorts(site), live.Spec.Ports) {
		return live.Spec.ClusterIP, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return "", err
	}
	desired := corev1ac.Service(site.Name, site.Namespace).
		WithLabels(labels).
		WithOwnerReferences(ownerReference(site)).
		WithSpec(corev1ac.ServiceSpec().
			WithSelector(selector).
			WithPorts(corev1ac.ServicePort().
				WithName("http").
				WithProtocol(corev1.ProtocolTCP).
				WithPort(site.Spec.Port).
				WithTargetPort(intstr.FromInt32(8080))))
	err = r.Apply(ctx, desired, client.FieldOwner(fieldManager), client.ForceOwnership)
	if err != nil || desired.Spec == nil || desired.Spec.ClusterIP == nil {
		return "", err
	}
	return *desired.Spec.ClusterIP, nil
}

func (r *reconciler) writeStatus(ctx context.Context, site *Site, address string) error {
	base := site.DeepCopy()
	site.Status.ObservedGeneration = site.Generation
	site.Status.Address = address
	becameReady := meta.SetStatusCondition(&site.Status.Conditions, metav1.Condition{
		Type:               readyCondition,
		Status:             metav1.ConditionTrue,
		Reason:             "Available",
		Message:            "ConfigMap and Service are in place",
		ObservedGeneration: site.Generation,
	})
	if equality.Semantic.DeepEqual(base.Status, site.Status) {
		return nil
	}
	err := r.Status().Patch(ctx, site, client.MergeFrom(base), client.FieldOwner(fieldManager))
	if err == nil && becameReady && !meta.IsStatusConditionTrue(base.Status.Conditions, readyCondition) {
		r.recorder.Eventf(site, nil, corev1.EventTypeNormal, "Available", "Reconcile",
			"ConfigMap and Service are in place")
	}
	return err
}

func servicePorts(site *Site) []corev1.ServicePort {
	return []corev1.ServicePort{{
		Name:       "http",
		Protocol:   corev1.ProtocolTCP,
		Port:       site.Spec.Port,
		TargetPort: intstr.FromInt32(8080),
	}}
}

func labelsOf(site *Site) map[string]string {
	return map[string]string{managedByLabel: fieldManager, instanceLabel: site.Name}
}

func ownerReference(site *Site) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(groupVersion.String()).
		WithKind("Site").
		WithName(site.Name).
		WithUID(site.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}
