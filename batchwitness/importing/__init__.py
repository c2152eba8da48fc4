"""History from files: exports, intervals of batches, results and paper records, by the commit path of messages."""
