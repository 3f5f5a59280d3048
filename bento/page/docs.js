// Swagger UI from this origin. Without `validatorUrl: null` it would ask a server on the internet.
SwaggerUIBundle({
  url: "/docs.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
});
