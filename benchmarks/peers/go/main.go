// gqlgen on fasthttp over the same upstream. Pages are cached in the shape of the graph, and equal
// loads are coalesced; parsed documents are in gqlgen's own cache. CACHE=1 also caches whole
// responses by the bytes of the request's body.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"
	"time"

	"peer/graph"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/valyala/fasthttp"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/singleflight"
)

const (
	ttl          = 300 * time.Second
	timeout      = 30 * time.Second
	maxPages     = 1000
	maxDocuments = 1000
	maxResponses = 1000
)

// resolver resolves the one root field.
type resolver struct {
	upstream string
	token    string
	client   fasthttp.Client
	pages    *expirable.LRU[string, *graph.ModelConnection]
	loads    singleflight.Group
}

func (r *resolver) Query() graph.QueryResolver { return r }

func (r *resolver) Models(
	_ context.Context, limit, offset *int, filter *graph.ModelFilter,
) (*graph.ModelConnection, error) {
	path := fmt.Sprintf("/models?limit=%d&offset=%d", either(limit, 50), either(offset, 0))
	if filter != nil && len(filter.Organisations) > 0 {
		path += "&organisation=" + url.QueryEscape(strings.Join(filter.Organisations, ","))
	}
	if page, found := r.pages.Get(path); found {
		return page, nil
	}
	page, err, _ := r.loads.Do(path, func() (any, error) { return r.load(path) })
	if err != nil {
		return nil, err
	}
	return page.(*graph.ModelConnection), nil
}

func (r *resolver) load(path string) (*graph.ModelConnection, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(r.upstream + path)
	request.Header.Set("Authorization", "Bearer "+r.token)
	if err := r.client.DoTimeout(request, response, timeout); err != nil {
		return nil, err
	}
	if status := response.StatusCode(); status != fasthttp.StatusOK {
		return nil, fmt.Errorf("the upstream answered %d", status)
	}
	page, err := readPage(response.Body())
	if err == nil {
		r.pages.Add(path, page)
	}
	return page, err
}

func either(value *int, fallback int) int {
	if value == nil {
		return fallback
	}
	return *value
}

// server answers requests; responses is nil if whole responses are not cached.
type server struct {
	executor  *executor.Executor
	responses *expirable.LRU[string, []byte]
	runs      singleflight.Group
}

func (s *server) handle(request *fasthttp.RequestCtx) {
	response, err := s.respond(request.PostBody())
	if err != nil {
		request.Error(err.Error(), fasthttp.StatusInternalServerError)
		return
	}
	request.SetContentType("application/json")
	request.SetBody(response)
}

func (s *server) respond(body []byte) ([]byte, error) {
	if s.responses == nil {
		response, _, err := s.execute(body)
		return response, err
	}
	key := string(body)
	if response, found := s.responses.Get(key); found {
		return response, nil
	}
	response, err, _ := s.runs.Do(key, func() (any, error) {
		response, isComplete, err := s.execute([]byte(key))
		if isComplete && err == nil {
			s.responses.Add(key, response)
		}
		return response, err
	})
	if err != nil {
		return nil, err
	}
	return response.([]byte), nil
}

// execute returns a response, and whether it is free of errors.
func (s *server) execute(body []byte) ([]byte, bool, error) {
	start := graphql.Now()
	var params graphql.RawParams
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&params); err != nil {
		return nil, false, err
	}
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	ctx := graphql.StartOperationTrace(context.Background())
	operation, errs := s.executor.CreateOperationContext(ctx, &params)
	if errs != nil {
		failed := s.executor.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
		response, err := json.Marshal(failed)
		return response, false, err
	}
	run, ctx := s.executor.DispatchOperation(ctx, operation)
	result := run(ctx)
	if len(result.Errors) > 0 {
		response, err := json.Marshal(result)
		return response, false, err
	}
	// The data are JSON, which json.Marshal would read and check once more.
	response := make([]byte, 0, len(result.Data)+len(`{"data":}`))
	response = append(response, `{"data":`...)
	response = append(response, result.Data...)
	return append(response, '}'), true, nil
}

func main() {
	query := &resolver{
		upstream: os.Getenv("UPSTREAM"),
		token:    os.Getenv("TOKEN"),
		pages:    expirable.NewLRU[string, *graph.ModelConnection](maxPages, nil, ttl),
	}
	schema := graph.NewExecutableSchema(graph.Config{Resolvers: query})
	peer := &server{executor: executor.New(schema)}
	peer.executor.SetQueryCache(lru.New[*ast.QueryDocument](maxDocuments))
	if os.Getenv("CACHE") != "" {
		peer.responses = expirable.NewLRU[string, []byte](maxResponses, nil, ttl)
	}
	front := fasthttp.Server{Handler: peer.handle}
	log.Fatal(front.ListenAndServe("127.0.0.1:" + os.Getenv("PORT")))
}
