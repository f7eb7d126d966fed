// PE of `os-pipe1` (TWO = 0: one accumulator) and `os-pipe` (TWO = 1: two). A wave with `sh` moves the chain, whose link
// to the south has a register of its own, through the accumulator that the MACs do not use.
module pe_os_wave #(
    parameter WORD = 8,
    parameter SUM = 32,
    parameter TWO = 1
) (
    input clk,
    input en,
    input rst,
    input signed [WORD-1:0] a,  // row operand, from the west
    input a_valid,
    input last,  // bits that ride with the row operand: the fold's last step,
    input sh,    // this wave moves the chain,
    input sel,   // the accumulator that the MAC uses
    input signed [WORD-1:0] b,  // column operand, from the north
    input b_valid,
    input shift,  // strobes of the column: move the chain,
    input swap,   // take the accumulators into it
    input signed [SUM-1:0] chain,  // from the northern PE
    input chain_valid,
    output signed [SUM-1:0] chain_out,
    output chain_valid_out,
    output signed [SUM-1:0] result,  // what the PE offers the output port in this cycle
    output result_valid
);
    reg signed [SUM-1:0] acc0, acc1, link;
    reg acc0_valid, acc1_valid, link_valid;
    wire mac = a_valid && b_valid;
    wire signed [SUM-1:0] product = a * b;
    wire drained = TWO && !sel;
    wire used = TWO && sel;
    wire used_valid = used ? acc1_valid : acc0_valid;
    wire signed [SUM-1:0] total = (used_valid ? (used ? acc1 : acc0) : {SUM{1'b0}}) + product;

    assign chain_out = link;
    assign chain_valid_out = link_valid;
    assign result = drained ? acc1 : acc0;
    assign result_valid = sh && (drained ? acc1_valid : acc0_valid);

    always @(posedge clk)
        if (rst) begin
            {acc0_valid, acc1_valid, link_valid} <= 3'b0;
        end else if (en) begin
            if (mac)
                if (used) begin
                    acc1 <= total;
                    acc1_valid <= 1'b1;
                end else begin
                    acc0 <= total;
                    acc0_valid <= 1'b1;
                end
            if (sh) begin
                link <= result;
                link_valid <= result_valid;
                if (drained) begin
                    acc1 <= chain;
                    acc1_valid <= chain_valid;
                end else begin
                    acc0 <= chain;
                    acc0_valid <= chain_valid;
                end
            end
        end
endmodule
