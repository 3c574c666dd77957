"""Pictures of training batches."""
