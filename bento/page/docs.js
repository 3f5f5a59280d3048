// Swagger UI from this origin. Without `validatorUrl: null` it would ask a server on the internet.

import { authorised } from "./key.js";

window.SwaggerUIBundle({
  url: "/docs.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  requestInterceptor: (request) => ({ ...request, headers: authorised(request.headers) }),
});
