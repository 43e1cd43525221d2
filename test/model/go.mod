module github.com/katakv/katakv/test/model

go 1.26.0

require github.com/katakv/katakv v0.0.0

replace github.com/katakv/katakv => ../..
