// The API page: Swagger UI over the merged document. The sign-in lives as long as the page.

window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset ?? SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    requestInterceptor: withoutEmptyClient,
  });
});

// The sign-in button sends `Authorization: Basic Og==` for a client without a name; there are no clients here.
function withoutEmptyClient(request) {
  if (request.url.endsWith("/api/v1/auth/token")) delete request.headers.Authorization;
  return request;
}
