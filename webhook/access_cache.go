package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/util/flowcontrol"
)

const (
	// accessKept is how long an answer is cached: long enough for the workloads of one kubectl apply, short
	// enough that a newly bound Role takes effect soon.
	accessKept = 5 * time.Second
	// maxAccessKept is the largest number of cached answers.
	maxAccessKept = 1024
	// accessPerSecond bounds the requests to the API server, and is the burst as well. It is needed because
	// anybody who can reach the port can name any number of service accounts.
	accessPerSecond = 100
)

// cachedReviewer caches the answers of an AccessReviewer and limits the rate of requests to it.
type cachedReviewer struct {
	AccessReviewer
	answers *cache.LRUExpireCache
	limiter flowcontrol.RateLimiter
}

// NewCachedReviewer wraps reviewer: an equal question within 5 seconds is answered from a cache, and all
// other questions together are limited to 100 a second. Create waits for the rate limiter and fails when
// its context ends first.
func NewCachedReviewer(reviewer AccessReviewer) AccessReviewer {
	return &cachedReviewer{
		AccessReviewer: reviewer,
		answers:        cache.NewLRUExpireCache(maxAccessKept),
		limiter:        flowcontrol.NewTokenBucketRateLimiter(accessPerSecond, accessPerSecond),
	}
}

func (c *cachedReviewer) Create(ctx context.Context, review *authorizationv1.SubjectAccessReview, options metav1.CreateOptions) (*authorizationv1.SubjectAccessReview, error) {
	key, err := json.Marshal(&review.Spec)
	if err != nil {
		return nil, fmt.Errorf("access review: %w", err)
	}
	if answer, found := c.answers.Get(string(key)); found {
		return answer.(*authorizationv1.SubjectAccessReview), nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return nil, err
	}
	answer, err := c.AccessReviewer.Create(ctx, review, options)
	if err != nil {
		return nil, err
	}
	c.answers.Add(string(key), answer, accessKept)
	return answer, nil
}
