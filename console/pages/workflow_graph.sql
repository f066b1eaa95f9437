-- Which events followed one another in workflows of a type, as edges of a graph.
SELECT jsonb_build_object('text', foreman.workflow_graph($1::jsonb->>'type'))
