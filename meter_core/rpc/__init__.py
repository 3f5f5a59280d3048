"""Generated gRPC code of bento/proto/meter/v1/prediction.proto: the client that users import. `make proto` writes it."""
